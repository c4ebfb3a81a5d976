import type { ApiContext } from '../context/context';

/** The cursor behind which a subscription begins: its `after`, or how far it was answered; null: with the first event. */
export function startOf(args: { after?: string | null }, context: ApiContext): string | null {
  return context.position ?? args.after ?? null;
}
