import type { Kysely, KyselyPlugin } from 'kysely';
import type { Tables } from '../../api/database/tables';

/**
 * The same records, which count the rows that each transaction changes.
 * @param failAt the transaction that fails at its first statement, as where the process dies; none without
 */
export function countTransactions(database: Kysely<Tables>, failAt = Number.POSITIVE_INFINITY) {
  const changedRows: number[] = [];
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      if (changedRows.length > failAt) throw new Error('the process died');
      return node;
    },
    async transformResult({ result }) {
      changedRows[changedRows.length - 1]! += Number(result.numAffectedRows ?? 0);
      return result;
    },
  };
  const counted = new Proxy(database, {
    get(target, name) {
      if (name === 'transaction') {
        changedRows.push(0);
        return () => target.withPlugin(plugin).transaction();
      }
      const member = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return { database: counted, changedRows };
}
