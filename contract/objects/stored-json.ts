import { z } from 'zod';
import { type MetricRecord, metricRecordSchema } from '../records';
import { wellFormedTexts } from '../well-formed';
import { DamagedObjectError } from './damaged-object';
import type { ObjectStore } from './object-store';

/**
 * The value of a JSON object; null where nothing is stored.
 * @throws DamagedObjectError where the bytes are not JSON in UTF-8, or not what the schema says
 */
export async function readStored<Schema extends z.ZodType>(
  objects: ObjectStore,
  key: string,
  schema: Schema,
): Promise<z.output<Schema> | null> {
  const body = await objects.read(key);
  return body === null ? null : parseText(key, decode(key, body), schema);
}

/**
 * The records of a metrics chunk, JSON lines each with its line end; null where nothing is stored.
 * @throws DamagedObjectError where a line is not a record, or the last one was cut off
 */
export async function readMetricsChunk(objects: ObjectStore, key: string): Promise<MetricRecord[] | null> {
  const body = await objects.read(key);
  if (body === null) return null;
  const text = decode(key, body);
  if (!text.endsWith('\n')) throw new DamagedObjectError(key, 'its last line is cut off');
  const lines = text.slice(0, -1).split('\n');
  return lines.map((line, index) => parseText(key, line, metricRecordSchema, `line ${index + 1} `));
}

function decode(key: string, body: Uint8Array): string {
  if (body.byteLength === 0) throw new DamagedObjectError(key, 'it is empty');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new DamagedObjectError(key, 'it is not text in UTF-8');
  }
}

/** JSON has NUL and half a surrogate pair as escapes alone: UTF-8 has no surrogates, and JSON no bare NUL. */
const escapedIllFormed = /\\u(?:0000|d[89a-f])/i;

/** What JSON stands for. Trainers pass on texts of data and of errors, so what no database keeps is U+FFFD from here on. */
function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return escapedIllFormed.test(text) ? wellFormedTexts(value) : value;
}

function parseText<Schema extends z.ZodType>(key: string, text: string, schema: Schema, place = ''): z.output<Schema> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    throw new DamagedObjectError(key, `${place || 'it '}is not JSON`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new DamagedObjectError(key, `${place}${problems.join('; ')}`);
}
