import { CfnCondition, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnCluster } from 'aws-cdk-lib/aws-dsql';
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Parameters } from './parameters';

/**
 * The records: an Aurora DSQL cluster, reached over its public endpoint with IAM tokens, so that no function needs a VPC.
 * It stays when the stack is deleted, and goes where its creation is taken back.
 */
export class Database extends Construct {
  readonly host: string;
  /** Identifier of the cluster, by which a later stack may adopt it. */
  readonly clusterId: string;
  private readonly clusterArn: string;

  /** @param adopted identifier of the cluster of an earlier stack; null: a new one */
  constructor(scope: Construct, id: string, adopted: string | null, parameters: Parameters) {
    super(scope, id);
    const { partition, region, account, stackName } = Stack.of(this);
    if (adopted !== null) {
      this.clusterId = adopted;
      this.host = `${adopted}.dsql.${region}.on.aws`;
      this.clusterArn = `arn:${partition}:dsql:${region}:${account}:cluster/${adopted}`;
      return;
    }
    const expression = Fn.conditionEquals(parameters.protectDatabase, 'true');
    const isProtected = new CfnCondition(this, 'IsProtected', { expression });
    const cluster = new CfnCluster(this, 'Cluster', {
      // A creation that is taken back could not delete a protected one: it is switched on by a later deploy.
      deletionProtectionEnabled: Fn.conditionIf(isProtected.logicalId, true, false),
      tags: [{ key: 'Name', value: stackName }],
    });
    cluster.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    this.clusterId = cluster.attrIdentifier;
    this.host = cluster.attrEndpoint;
    this.clusterArn = cluster.attrResourceArn;
  }

  /** Lets a function connect: as `admin`, who owns the tables, or as another role of the database. */
  grantConnect(grantee: IGrantable, as: 'admin' | 'role'): void {
    const statement = new PolicyStatement({
      actions: [as === 'admin' ? 'dsql:DbConnectAdmin' : 'dsql:DbConnect'],
      resources: [this.clusterArn],
    });
    grantee.grantPrincipal.addToPrincipalPolicy(statement);
  }
}
