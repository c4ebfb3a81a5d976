/** A name of one's own for the page, with the certificate that CloudFront shows for it. */
export interface PageDomain {
  /** stillhouse.example.org */
  name: string;
  /** ARN of a certificate of AWS Certificate Manager in us-east-1, the one region from which CloudFront takes any. */
  certificate: string;
  /** Hosted zone of Route 53 that gets the records of the name; null: they are kept elsewhere. */
  hostedZone: string | null;
}

export type DomainChoice = { kind: 'chosen'; domain: PageDomain | null } | { kind: 'refused'; messages: string[] };

/** Reads the context `domain`, `certificate` and `hostedZone`; every problem at once. */
export function chooseDomain(given: {
  name: string | null;
  certificate: string | null;
  hostedZone: string | null;
}): DomainChoice {
  const { name, certificate, hostedZone } = given;
  if (name === null && certificate === null && hostedZone === null) return { kind: 'chosen', domain: null };
  const messages: string[] = [];
  if (name === null) messages.push('domain: is missing; certificate and hostedZone are of a domain');
  else if (!/^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/.test(name))
    messages.push(`domain: "${name}" is not a name such as stillhouse.example.org, in lower case`);
  if (certificate === null)
    messages.push('certificate: is missing; give the ARN of a certificate of AWS Certificate Manager in us-east-1');
  else if (!/^arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate\/[\w-]+$/.test(certificate))
    messages.push(
      `certificate: "${certificate}" is not the ARN of a certificate in us-east-1, from which CloudFront takes them`,
    );
  if (hostedZone !== null && !/^Z[A-Z0-9]{1,31}$/.test(hostedZone))
    messages.push(`hostedZone: "${hostedZone}" is not the ID of a hosted zone, such as Z0123456789ABC`);
  return name === null || certificate === null || messages.length > 0
    ? { kind: 'refused', messages }
    : { kind: 'chosen', domain: { name, certificate, hostedZone } };
}
