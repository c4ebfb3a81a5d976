import { useEffect, useState } from 'preact/hooks';
import { countText } from '../../presentation/format';
import { useQuery, useSettled } from './hooks';
import { Ago, ExperimentMark, Notice, PageTitle, RunsBar, Tags, TroubleNotice } from './parts';
import { type ExperimentRow, experiments, most } from './queries';

const refreshMilliseconds = 5000;

function address(search: string, archived: boolean, after: string | null): string {
  const parts = new URLSearchParams();
  if (search) parts.set('search', search);
  if (archived) parts.set('archived', 'true');
  if (after) parts.set('after', after);
  return `#/${parts.size > 0 ? `?${parts}` : ''}`;
}

const filterOf = (text: string) =>
  text === ''
    ? null
    : { OR: [{ name: { contains: text } }, { question: { contains: text } }, { tag: { contains: text } }] };

/** All experiments, the newest first. Search and page stand in the address, so that "back" leads to them. */
export function ExperimentsPage({ search }: { search: URLSearchParams }) {
  const [given, archived, after] = [search.get('search') ?? '', search.get('archived') === 'true', search.get('after')];
  const [typed, setTyped] = useState(given);
  const settled = useSettled(typed.trim(), 250);
  useEffect(() => {
    if (settled !== given) location.replace(address(settled, archived, null));
  }, [settled, given, archived]);

  const variables = { filter: filterOf(given), includeArchived: archived, first: most.experiments, after };
  const { data, trouble, waiting } = useQuery(experiments, variables, { refreshMilliseconds });
  const page = data?.experiments;
  return (
    <>
      <PageTitle title="Experiments">
        <div class="row">
          <label class="field">
            <span class="unseen">Search name, question and tags</span>
            <input
              type="search"
              placeholder="Search name, question, tags"
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={archived}
              onChange={(event) => location.replace(address(given, event.currentTarget.checked, null))}
            />
            archived
          </label>
        </div>
      </PageTitle>
      <TroubleNotice trouble={trouble} />
      {page && page.nodes.length === 0 && (
        <Notice kind="quiet">
          {given ? `Nothing is found for "${given}".` : 'There is no experiment yet.'}{' '}
          {!given && (
            <>
              Create one with <code>npm run demo</code> or in the <a href="/explorer.html">GraphQL explorer</a>.
            </>
          )}
        </Notice>
      )}
      <ul class={`experiments ${waiting && data ? 'stale' : ''}`} aria-busy={waiting}>
        {page?.nodes.map((node) => (
          <Row key={node.id} experiment={node} />
        ))}
        {!page && [1, 2, 3].map((place) => <li key={place} class="card blank" aria-hidden="true" />)}
      </ul>
      {page && (
        <nav class="row end" aria-label="Pages">
          <span class="quiet">{countText(page.totalCount, 'experiment')}</span>
          {after && <a href={address(given, archived, null)}>Newest</a>}
          {page.pageInfo.hasNextPage && <a href={address(given, archived, page.pageInfo.endCursor)}>Older →</a>}
        </nav>
      )}
    </>
  );
}

function Row({ experiment }: { experiment: ExperimentRow }) {
  const { id, name, question, state, tags, createdAt, archivedAt, runCounts } = experiment;
  return (
    <li class="card experiment-row">
      <div>
        <a class="name" href={`#/experiments/${id}`}>
          {name}
        </a>
        <p>{question}</p>
        <Tags tags={tags} />
      </div>
      <RunsBar counts={runCounts} />
      <div class="when">
        <ExperimentMark state={state} archived={archivedAt !== null} counts={runCounts} />
        <Ago time={createdAt} />
      </div>
    </li>
  );
}
