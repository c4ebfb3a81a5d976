/** NUL, and halves of surrogate pairs without the other half. */
const illFormed = /[\0\p{Surrogate}]/u;
const everyIllFormed = /[\0\p{Surrogate}]/gu;

/** The text with U+FFFD in the place of every character that databases do not keep alike. */
export const wellFormed = (text: string): string => text.replace(everyIllFormed, '\ufffd');

/** A JSON value whose texts and names of fields are all well-formed. */
export function wellFormedTexts(value: unknown): unknown {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(wellFormedTexts);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [wellFormed(name), wellFormedTexts(part)]));
}

/**
 * Whether every database keeps a text as it is: SQLite cuts it at NUL, PostgreSQL refuses that, and both replace half a
 * surrogate pair, which has no UTF-8.
 */
export const isWellFormed = (text: string): boolean => !illFormed.test(text);

/** What is wrong with the texts of a value and with the names of its fields, at any depth. @param path of the value */
export function illFormedTexts(value: unknown, path: string): { path: string; message: string }[] {
  if (typeof value === 'string') return isWellFormed(value) ? [] : [{ path, message: messageFor(value) }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => [
    ...(isWellFormed(name) ? [] : [{ path, message: `has a field whose name ${messageFor(name)}` }]),
    ...illFormedTexts(part, path === '' ? name : `${path}.${name}`),
  ]);
}

const messageFor = (text: string): string =>
  text.includes('\0')
    ? `has a NUL character (U+0000) at ${text.indexOf('\0')}, which a database cannot keep: leave it out`
    : `has half a surrogate pair at ${text.search(illFormed)}, which is not a character: leave it out`;
