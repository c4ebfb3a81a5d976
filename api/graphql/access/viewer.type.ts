import { Field, ObjectType, registerEnumType } from 'type-graphql';

export enum ViewerRole {
  VIEWER = 'viewer',
  EDITOR = 'editor',
  ADMIN = 'admin',
}
registerEnumType(ViewerRole, {
  name: 'Role',
  description: 'What a caller may do.',
  valuesConfig: {
    VIEWER: { description: 'Reads everything, changes nothing.' },
    EDITOR: { description: 'Also creates, launches, cancels, retries, tags and annotates.' },
    ADMIN: { description: 'Also archives.' },
  },
});

@ObjectType('Viewer', { simpleResolvers: true, description: 'Who asks.' })
export class ViewerType {
  @Field(() => String, { description: 'The name the access token was given to; "local" on an open service.' })
  name: string;

  @Field(() => ViewerRole, { description: 'What this caller may do.' })
  role: ViewerRole;
}
