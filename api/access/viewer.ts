/** What a caller may do: a viewer reads, an editor also changes, an admin also archives. */
export const roles = ['viewer', 'editor', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Who asks. */
export interface Viewer {
  name: string;
  role: Role;
}
