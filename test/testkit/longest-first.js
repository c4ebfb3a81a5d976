const { default: Sequencer } = require('@jest/test-sequencer');

/** The longest files, so that none of them begins when everything else has ended. Others follow as jest orders them. */
const longest = [
  'api/damage/damage',
  'end-to-end/kill',
  'trainer/run/kill',
  'trainer/run/trainer-process',
  'contract/objects/s3-faults',
  'end-to-end/search',
  'trainer/export/export-model',
  'api/launcher/batch-faults',
  'trainer/run/s3',
  'api/exports/export',
  'trainer/evaluation/batch-memory',
];

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const place = longest.findIndex((name) => path.includes(`/test/${name}`));
      return place < 0 ? longest.length : place;
    };
    return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b));
  }
};
