import { CfnParameter } from 'aws-cdk-lib';
import { Construct } from 'constructs';

/** What whoever deploys decides: `npm run cdk -- deploy --parameters OidcIssuer=...`. */
export class Parameters extends Construct {
  /** Who signs the tokens. */
  readonly oidcIssuer: string;
  readonly oidcAudience: string;
  readonly oidcRoleClaim: string;
  readonly oidcRoles: string;
  /** How people sign in on the dashboard (page.ts). */
  readonly oidcClientId: string;
  readonly oidcScopes: string;
  readonly oidcSignInParameters: string;
  readonly oidcOrigins: string[];
  readonly prices: string;
  readonly allowedOrigins: string[];
  readonly alarmEmail: string;
  readonly monthlyBudgetDollars: number;
  /** `true` or `false`. */
  readonly protectDatabase: string;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.oidcIssuer = this.text('OidcIssuer', {
      description:
        'Issuer of the tokens, to the letter as their "iss" says it: a slash at the end counts. `npm run doctor -- --aws` checks it.',
      allowedPattern: 'https://.+',
      constraintDescription: 'must be an address beginning with https://',
    });
    this.oidcAudience = this.text('OidcAudience', {
      description: 'Audience of the tokens (aud; client_id for access tokens of Amazon Cognito).',
      allowedPattern: '.+',
      constraintDescription: 'must not be empty',
    });
    this.oidcRoleClaim = this.text('OidcRoleClaim', {
      default: '',
      description: 'Claim that says the role; empty: the default of the service.',
    });
    this.oidcRoles = this.text('OidcRoles', {
      default: '',
      description: 'What values of that claim mean: value=role with commas between; roles are viewer, editor, admin.',
    });
    this.oidcClientId = this.text('OidcClientId', {
      default: '',
      description: 'Public client as which people sign in on the dashboard; empty: they paste a token.',
    });
    this.oidcScopes = this.text('OidcScopes', {
      default: 'openid profile email',
      description: 'Scopes of the sign-in; many issuers want offline_access to renew it silently.',
      allowedPattern: '.*\\bopenid\\b.*',
      constraintDescription: 'must have openid among the scopes',
    });
    this.oidcSignInParameters = this.text('OidcSignInParameters', {
      default: '',
      description: 'Further parameters of the sign-in, as in a query: audience=https://api.example (Auth0).',
    });
    this.oidcOrigins = this.parameter('OidcOrigins', {
      type: 'CommaDelimitedList',
      default: '',
      description:
        'Origins of the token endpoint where it is not at the issuer: https://NAME.auth.REGION.amazoncognito.com (Cognito).',
    }).valueAsList;
    this.prices = this.text('Prices', {
      default: '',
      description:
        'USD an hour of machines, g5.xlarge=1.10,g5.xlarge:spot=0.42; empty: the list prices of the service.',
    });
    this.allowedOrigins = this.parameter('AllowedOrigins', {
      type: 'CommaDelimitedList',
      default: 'http://localhost:4000',
      description: 'Origins of the web pages that may call the API (CORS).',
    }).valueAsList;
    this.alarmEmail = this.text('AlarmEmail', {
      description: 'Where alarms and warnings of the budget go.',
      allowedPattern: '[^@\\s]+@[^@\\s]+',
      constraintDescription: 'must be an e-mail address',
    });
    this.monthlyBudgetDollars = this.parameter('MonthlyBudget', {
      type: 'Number',
      default: 200,
      minValue: 0,
      description:
        'Monthly budget of the whole account in US dollars. E-mails are sent at 80 % and at 100 %. 0 creates no budget, for member accounts that may not have one.',
    }).valueAsNumber;
    this.protectDatabase = this.text('ProtectDatabase', {
      default: 'false',
      allowedValues: ['true', 'false'],
      description:
        'Whether the cluster with the records refuses to be deleted. Set it to true once the stack is there.',
    });
  }

  private text(name: string, properties: ConstructorParameters<typeof CfnParameter>[2]): string {
    return this.parameter(name, { type: 'String', ...properties }).valueAsString;
  }

  /** Under its own name, without the path of this construct before it. */
  private parameter(name: string, properties: ConstructorParameters<typeof CfnParameter>[2]): CfnParameter {
    const parameter = new CfnParameter(this, name, properties);
    parameter.overrideLogicalId(name);
    return parameter;
  }
}
