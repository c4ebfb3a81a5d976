import { methods as contract } from '../../../contract/methods';
import { useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';

const services = useTestServices();

interface Method {
  name: string;
  parameters: { name: string; default: unknown; allowed: object; description: string }[];
}

describe('the catalogue of methods', () => {
  it('lists every method with the hyper-parameters it reads, their ranges and its own defaults', async () => {
    const source =
      '{ methods { name title description trains needsTeacher needs { teacher student quiz } teacherLearns paper parameters { name default allowed description } } }';
    const { methods }: { methods: Method[] } = await dataOf(services(), source);
    expect(methods.map(({ name }) => name)).toEqual(Object.keys(contract));
    const parameter = (method: string, name: string) =>
      methods.find((one) => one.name === method)?.parameters.find((one) => one.name === name);
    expect(parameter('kd', 'alpha')).toMatchObject({
      default: 0.5,
      allowed: { type: 'number', minimum: 0, maximum: 1 },
    });
    expect(parameter('kd', 'loss')?.allowed).toMatchObject({ enum: expect.arrayContaining(['ce', 'kl', 'dist']) });
    expect(parameter('meta-full', 'teacherLearningRate')?.default).toBe(1e-5);
    expect(parameter('meta-lora', 'teacherLearningRate')?.default).toBe(1e-4);
    expect(parameter('scratch', 'alpha')).toBeUndefined();
    for (const { parameters } of methods) for (const { description } of parameters) expect(description).not.toBe('');
  });
});
