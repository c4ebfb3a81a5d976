import type { AuthCheckerFn } from 'type-graphql';
import type { ApiContext } from '../context/context';
import { forbidden } from '../shared/errors';
import { type Role, roles } from '../shared/viewer';

/** Lets a field marked `@Authorized(role)` be reached by that role and those above it. */
export const authorize: AuthCheckerFn<ApiContext, Role> = ({ context: { viewer }, info }, allowed) => {
  const needed = allowed[0] ?? 'viewer';
  if (roles.indexOf(viewer.role) >= roles.indexOf(needed)) return true;
  throw forbidden(`"${info.fieldName}" takes the role ${needed}; "${viewer.name}" has the role ${viewer.role}`);
};
