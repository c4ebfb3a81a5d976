/** A definition that is right in everything: scratch and kd with a fine-tuned teacher, two seeds. */
export const experimentInput = (changes: object = {}) => ({
  name: 'Does a teacher help?',
  data: { train: '/data/train.csv', test: '/data/test.csv' },
  teacher: { random: { layers: 1, hidden: 8 }, finetune: { parameters: { epochs: 2 } } },
  variants: [
    { name: 'scratch', method: 'scratch' },
    { name: 'kd', method: 'kd', parameters: { alpha: 0.7 } },
  ],
  seeds: [0, 1],
  ...changes,
});

/** Every selection that the mutations of experiments are asked for in tests. */
export const outcomeFields = `
  __typename
  ... on ExperimentPayload { repeated experiment { id name state clonedFrom tags runCounts { state count } } }
  ... on Failure { kind problems { path message } }
`;

export const createExperimentMutation = `
  mutation ($input: ExperimentInput!, $launch: Boolean! = false) {
    createExperiment(input: $input, launch: $launch) { ${outcomeFields} }
  }`;
