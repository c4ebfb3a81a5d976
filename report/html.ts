/** Markup that is safe to put into a page as it is. */
export class Html {
  constructor(readonly text: string) {}
}

export type Part = Html | string | number | null | false | readonly Part[];

/** Markup with values in it: texts are escaped, markup goes in as it is, lists one after the other, null and false not at all. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((page, text, place) => page + textOf(parts[place - 1] ?? null) + text));
}

function textOf(part: Part): string {
  if (part === null || part === false) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'object') return part.map(textOf).join('');
  return String(part).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

export interface Column<Row> {
  heading: Part;
  cell(row: Row): Part;
  /** Numbers stand to the right; the first column names its row. */
  kind?: 'name' | 'number' | 'text';
}

/** A table with a caption for those who do not see what it stands beside. */
export function table<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): Html {
  const kindOf = ({ kind = 'number' }: Column<Row>) => kind;
  return html`<div class="wide"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${kindOf(column)}">${column.heading}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr>${columns.map((column) =>
      kindOf(column) === 'name'
        ? html`<th scope="row">${column.cell(row)}</th>`
        : html`<td class="${kindOf(column)}">${column.cell(row)}</td>`,
    )}</tr>
`,
  )}</tbody>
</table></div>`;
}

/** A cell that breaks between these parts where its column is narrow, and nowhere else. */
export const inParts = (...parts: readonly Part[]): Html =>
  html`<span class="parts">${parts.map((part, place) => part !== null && part !== '' && html`${place > 0 && ' '}<span>${part}</span>`)}</span>`;

export const list = (items: readonly Part[]): Html => html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;

export function section(id: string, heading: string, ...content: readonly Part[]): Html {
  return html`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${heading}</h2>
${content}
</section>
`;
}
