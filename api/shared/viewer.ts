/** What a caller may do: a viewer reads, an editor also changes, an admin also archives. */
export const roles = ['viewer', 'editor', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Who asks. */
export interface Viewer {
  name: string;
  role: Role;
}

/** Who asks; `refused` says what to send instead. */
export type Authentication =
  | { kind: 'viewer'; viewer: Viewer /** When it must be asked again; null: never. */; expiresAt: Date | null }
  | { kind: 'refused'; message: string };

export const refused = (message: string): Authentication => ({ kind: 'refused', message });
