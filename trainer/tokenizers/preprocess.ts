import type { Parameters } from '../../contract/parameters';

/**
 * A text as the models read it (docs/methods.md, "Data and models").
 *
 * `thesis`: lower-case, links and every character outside `[a-zA-Z$0-9\s!?]` deleted, trimmed. This also takes
 * `. % - +`, so "1.5%" becomes "15". `light`: lower-case, links deleted, trimmed. `none`: as it is.
 *
 * White space is Unicode's. JavaScript's own `\s` differs in two characters (it has U+FEFF and lacks U+0085), one of
 * which occurs in the reference data.
 */
export function preprocess(text: string, mode: Parameters['preprocessing']): string {
  if (mode === 'none') return text;
  const withoutLinks = text.toLowerCase().replace(/http\P{White_Space}+/gu, '');
  return trim(mode === 'thesis' ? withoutLinks.replace(/[^a-zA-Z$0-9\p{White_Space}!?]/gu, '') : withoutLinks);
}

/** Words of a preprocessed text, as the student reads them. */
export const wordsOf = (text: string): string[] => text.split(/\p{White_Space}+/u).filter((word) => word !== '');

const trim = (text: string): string => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '');
