import { Ctx, Query, Resolver } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import type { Viewer } from '../../shared/viewer';
import { ViewerType } from './viewer.type';

@Resolver()
export class ViewerResolver {
  @Query(() => ViewerType, { description: 'Who asks, and what they may do.' })
  viewer(@Ctx() { viewer }: ApiContext): Viewer {
    return viewer;
  }
}
