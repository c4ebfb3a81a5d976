import type { ObjectStore } from '../../contract/objects/object-store';

/** Every key under a prefix, in order, over all pages. */
export async function listKeys(objects: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let after: string | undefined;
  do {
    const page = await objects.list(prefix, after === undefined ? {} : { after });
    keys.push(...page.objects.map(({ key }) => key));
    after = page.next;
  } while (after !== undefined);
  return keys;
}
