import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnCluster } from 'aws-cdk-lib/aws-dsql';
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

/** The records: an Aurora DSQL cluster, reached over its public endpoint with IAM tokens, so that no function needs a VPC. */
export class Database extends Construct {
  readonly host: string;
  private readonly cluster: CfnCluster;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.cluster = new CfnCluster(this, 'Cluster', {
      deletionProtectionEnabled: true,
      tags: [{ key: 'Name', value: Stack.of(this).stackName }],
    });
    this.cluster.applyRemovalPolicy(RemovalPolicy.RETAIN);
    this.host = this.cluster.attrEndpoint;
  }

  /** Lets a function connect: as `admin`, who owns the tables, or as another role of the database. */
  grantConnect(grantee: IGrantable, as: 'admin' | 'role'): void {
    const statement = new PolicyStatement({
      actions: [as === 'admin' ? 'dsql:DbConnectAdmin' : 'dsql:DbConnect'],
      resources: [this.cluster.attrResourceArn],
    });
    grantee.grantPrincipal.addToPrincipalPolicy(statement);
  }
}
