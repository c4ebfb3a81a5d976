import { join } from 'node:path';
import { Duration, Fn, RemovalPolicy, Size, Stack, Tags } from 'aws-cdk-lib';
import {
  AllocationStrategy,
  type CfnComputeEnvironment,
  EcsEc2ContainerDefinition,
  EcsJobDefinition,
  EcsMachineImageType,
  EcsVolume,
  FairshareSchedulingPolicy,
  JobQueue,
  JobStateTimeLimitActionsReason,
  ManagedEc2EcsComputeEnvironment,
} from 'aws-cdk-lib/aws-batch';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  GatewayVpcEndpointAwsService,
  InstanceType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  MultipartBody,
  MultipartUserData,
  SecurityGroup,
  SubnetType,
  UserData,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage, LogDriver } from 'aws-cdk-lib/aws-ecs';
import { type IGrantable, ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { jobTag } from '../contract/aws';
import {
  type Capacity,
  capacities,
  formatQueues,
  type GpuType,
  instanceSizes,
  type QueueKey,
  queueCpus,
  queueKey,
  runSize,
} from '../contract/compute';
import { trainerEnvironment, trainerKeys } from '../contract/keys';
import type { Storage } from './storage';

const containerSize = { cpu: runSize.cpus, memory: Size.mebibytes(runSize.mebibytes), gpu: 1 } as const;

/** On the host: the instance's own disk. In the container: STILLHOUSE_CACHE of the image. */
const cacheOnHost = '/mnt/cache';
const cacheInContainer = '/cache';

/**
 * Seconds between SIGTERM and SIGKILL of a container that is stopped: within the two minutes that AWS gives before it
 * takes a spot machine back, and enough to write a large checkpoint.
 */
const stopSeconds = 110;

/**
 * Takes the instance's own disk, where it has one, for models, inputs and teacher logits. Batch starts every machine
 * anew, so it is always empty. 1000 is the user of the image. The container agent hears of a spot machine that is
 * to be taken back, and stops its containers then, which it does not do by default.
 */
const prepareMachine = `#!/bin/bash
echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config
echo ECS_CONTAINER_STOP_TIMEOUT=${stopSeconds}s >> /etc/ecs/ecs.config
mkdir --parents ${cacheOnHost}
disk=$(lsblk --nodeps --noheadings --paths --output NAME,MODEL | awk '/Instance Storage/ { print $1; exit }')
if [ -n "$disk" ]; then mkfs.xfs -f "$disk" && mount "$disk" ${cacheOnHost}; fi
chown 1000:1000 ${cacheOnHost}
`;

export interface TrainingProps {
  storage: Storage;
  /** Kinds of machine, each with a queue for spot and one for on-demand. */
  gpus: readonly GpuType[];
  /** Availability zones with a subnet. */
  zones: number;
  /** Of which the image is made; empty: not known. */
  commit: string;
  /** Address of an image that was built elsewhere; null: it is built from this checkout at deploy. */
  trainerImage: string | null;
  /** Further buckets of which trainers read inputs. */
  readableBuckets: readonly string[];
}

/**
 * Where trainers run: AWS Batch, a queue for every kind of GPU machine, spot and on-demand, with no machine while there is
 * no run. Public subnets without a NAT gateway, since that would cost at rest; nothing can connect to the machines.
 */
export class Training extends Construct {
  readonly queues: ReadonlyMap<QueueKey, JobQueue>;
  readonly logGroup: LogGroup;

  constructor(
    scope: Construct,
    id: string,
    { storage, gpus, zones, commit, trainerImage, readableBuckets }: TrainingProps,
  ) {
    super(scope, id);
    const vpc = new Vpc(this, 'Network', {
      // All that there are: machines with GPUs are scarce, and not every zone has them.
      availabilityZones: Array.from({ length: zones }, (_, place) => Fn.select(place, Fn.getAzs())),
      natGateways: 0,
      subnetConfiguration: [{ name: 'public', subnetType: SubnetType.PUBLIC, mapPublicIpOnLaunch: true }],
      // What trainers read and write does not leave AWS's network, and costs nothing on the way.
      gatewayEndpoints: { s3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    const securityGroup = new SecurityGroup(this, 'Machines', { vpc, description: 'Trainers: out, never in' });
    const machine = this.machine();
    const instanceRole = new Role(this, 'MachineRole', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonEC2ContainerServiceforEC2Role')],
    });
    // An experiment with many runs leaves machines to the others: each is a share (batch-submit.ts), and all weigh the same.
    const policy = new FairshareSchedulingPolicy(this, 'Shares');
    const machines = { vpc, securityGroup, machine, instanceRole, policy };
    const queues = new Map<QueueKey, JobQueue>();
    for (const gpu of gpus)
      for (const capacity of capacities) queues.set(queueKey(gpu, capacity), this.queue(gpu, capacity, machines));
    this.queues = queues;
    this.logGroup = new LogGroup(this, 'TrainerLogs', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.trainer(
      storage,
      readableBuckets,
      trainerImage === null ? imageOfCheckout(commit) : ContainerImage.fromRegistry(trainerImage),
    );
  }

  /** The queues as the functions are told of them (`batchQueues`). */
  get queueSetting(): string {
    return formatQueues(new Map([...this.queues].map(([key, { jobQueueArn }]) => [key, jobQueueArn])));
  }

  /** Lets a function submit trainers, look at them and end them. */
  grantUse(grantee: IGrantable): void {
    const { account, region, partition } = Stack.of(this);
    const definition = `arn:${partition}:batch:${region}:${account}:job-definition/${this.definitionName}`;
    const jobs = `arn:${partition}:batch:${region}:${account}:job/*`;
    const statements = [
      {
        actions: ['batch:SubmitJob', 'batch:TagResource'],
        resources: [
          ...[...this.queues.values()].map(({ jobQueueArn }) => jobQueueArn),
          definition,
          `${definition}:*`,
          jobs,
        ],
      },
      // Jobs of this service carry its tags. The children of an array have none of their own: a colon in their ids tells them.
      {
        actions: ['batch:TerminateJob'],
        resources: [jobs],
        conditions: { Null: { [`aws:ResourceTag/${jobTag('experiment')}`]: 'false' } },
      },
      { actions: ['batch:TerminateJob'], resources: [`${jobs}:*`] },
      // Neither can be limited to a resource.
      { actions: ['batch:ListJobs', 'batch:DescribeJobs'], resources: ['*'] },
    ];
    for (const statement of statements) grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement(statement));
  }

  /** Of all revisions: a submission takes the newest. */
  get definitionName(): string {
    return `${Stack.of(this).stackName}-trainer`;
  }

  private machine(): LaunchTemplate {
    const userData = new MultipartUserData();
    userData.addPart(MultipartBody.fromUserData(UserData.custom(prepareMachine)));
    const template = new LaunchTemplate(this, 'Machine', {
      userData,
      // A container is one hop further than its host: the trainer asks which machine it runs on.
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      httpPutResponseHopLimit: 2,
      blockDevices: [
        {
          deviceName: '/dev/xvda',
          // The image with CUDA takes 5 GB, and is unpacked beside its layers.
          volume: BlockDeviceVolume.ebs(60, { volumeType: EbsDeviceVolumeType.GP3, encrypted: true }),
        },
      ],
    });
    Tags.of(template).add('Name', 'stillhouse-trainer');
    return template;
  }

  private queue(
    gpu: GpuType,
    capacity: Capacity,
    machines: {
      vpc: Vpc;
      securityGroup: SecurityGroup;
      machine: LaunchTemplate;
      instanceRole: Role;
      policy: FairshareSchedulingPolicy;
    },
  ): JobQueue {
    const environment = new ManagedEc2EcsComputeEnvironment(this, `${gpu}-${capacity}`, {
      vpc: machines.vpc,
      vpcSubnets: { subnetType: SubnetType.PUBLIC },
      securityGroups: [machines.securityGroup],
      launchTemplate: machines.machine,
      instanceRole: machines.instanceRole,
      spot: capacity === 'spot',
      allocationStrategy:
        capacity === 'spot'
          ? AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
          : AllocationStrategy.BEST_FIT_PROGRESSIVE,
      minvCpus: 0,
      maxvCpus: queueCpus(gpu),
      useOptimalInstanceClasses: false,
      // Named, since what Batch takes of its own accord has changed and will again.
      images: [{ imageType: EcsMachineImageType.ECS_AL2023_NVIDIA }],
      updateToLatestImageVersion: true,
      terminateOnUpdate: false,
      updateTimeout: Duration.days(1),
    });
    for (const size of instanceSizes[gpu]) environment.addInstanceType(new InstanceType(`${gpu}.${size}`));
    // Without it Batch keeps the version with which the environment was made, whatever the template says later.
    const resource = environment.node.defaultChild as CfnComputeEnvironment;
    const version = machines.machine.latestVersionNumber;
    resource.addPropertyOverride('ComputeResources.LaunchTemplate.Version', version);
    const cancelAfter = (maxTime: Duration, reason: JobStateTimeLimitActionsReason) => ({ maxTime, reason });
    return new JobQueue(this, `${gpu}-${capacity}-shared-queue`, {
      schedulingPolicy: machines.policy,
      computeEnvironments: [{ computeEnvironment: environment, order: 1 }],
      // A job at the head of its queue that cannot start would stop all behind it. What no machine will ever fit goes soon;
      // for capacity it may wait most of a day.
      jobStateTimeLimitActions: [
        cancelAfter(Duration.minutes(30), JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT),
        cancelAfter(Duration.minutes(30), JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE),
        cancelAfter(Duration.hours(20), JobStateTimeLimitActionsReason.INSUFFICIENT_INSTANCE_CAPACITY),
      ],
    });
  }

  private trainer(storage: Storage, readableBuckets: readonly string[], image: ContainerImage): void {
    const jobRole = new Role(this, 'TrainerRole', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: 'What a trainer may do: read inputs and definitions, write what comes of runs',
    });
    // Inputs, and models of fine-tuning runs, may lie anywhere in the bucket. Of any run it may write what trainers write, no
    // definition, and delete checkpoints alone; that it is of its own run is held by the trainer (trainer/machine/own-objects.ts).
    // Batch gives one role to a job definition, and what would narrow it to one run does not fit: a role a run meets the
    // limit of roles of an account and takes time until it counts; credentials that a function gets by AssumeRole with a
    // session policy last an hour at most (role chaining), and a run up to 14 days; S3 Access Grants ask who the caller is, which
    // is this role for all; an address signed in advance is for one key, and trainers list and choose keys as they go.
    // What a trainer narrows for itself, by AssumeRole or GetScopedCredentials, its process could ask for anew.
    storage.grantPatterns(jobRole, trainerKeys);
    storage.grantReadElsewhere(jobRole, readableBuckets);
    new EcsJobDefinition(this, 'Trainer', {
      container: new EcsEc2ContainerDefinition(this, 'Container', {
        image,
        ...containerSize,
        jobRole,
        environment: {
          [trainerEnvironment.objects]: `s3://${storage.bucket.bucketName}`,
          // ECS on EC2 tells a container no region.
          AWS_REGION: Stack.of(this).region,
        },
        volumes: [EcsVolume.host({ name: 'cache', hostPath: cacheOnHost, containerPath: cacheInContainer })],
        logging: LogDriver.awsLogs({ logGroup: this.logGroup, streamPrefix: 'trainer' }),
      }),
      jobDefinitionName: this.definitionName,
      // Queues with shares order the jobs of one share by it: all alike.
      schedulingPriority: 1,
      propagateTags: true,
    });
  }
}

/** Built at deploy, which takes a machine with Docker and an x86-64 processor. */
const imageOfCheckout = (commit: string): ContainerImage =>
  ContainerImage.fromAsset(join(__dirname, '..'), {
    file: 'trainer/Dockerfile',
    platform: Platform.LINUX_AMD64,
    buildArgs: { COMMIT: commit },
    // From these alone; see trainer/Dockerfile.dockerignore.
    exclude: ['*', '!package.json', '!package-lock.json', '!tsconfig.json', '!contract', '!trainer'],
  });
