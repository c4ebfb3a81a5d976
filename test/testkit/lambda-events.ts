import type { APIGatewayProxyEventV2, S3EventRecord, SQSEvent, SQSRecord } from 'aws-lambda';
import type { WebSocketEvent } from '../../api/lambda/web-socket-api';

/**
 * Events as AWS documents them, with everything that they carry there:
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */

/** A request to an HTTP API, payload version 2.0. */
export function httpEvent(given: {
  method?: string;
  query?: string;
  headers?: Record<string, string>;
  body?: string;
  base64?: boolean;
}): APIGatewayProxyEventV2 {
  const { method = 'POST', query = '', headers = {}, body, base64 = false } = given;
  return {
    version: '2.0',
    routeKey: `${method} /graphql`,
    rawPath: '/graphql',
    rawQueryString: query,
    headers: {
      accept: '*/*',
      'content-type': 'application/json',
      host: 'abc123.execute-api.eu-central-1.amazonaws.com',
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      ...headers,
    },
    requestContext: {
      accountId: '123456789012',
      apiId: 'abc123',
      domainName: 'abc123.execute-api.eu-central-1.amazonaws.com',
      domainPrefix: 'abc123',
      http: { method, path: '/graphql', protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'curl/8.5.0' },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey: `${method} /graphql`,
      stage: '$default',
      time: '24/Nov/2026:12:00:00 +0000',
      timeEpoch: 1795521600000,
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: base64,
  };
}

export function sqsEvent(bodies: readonly string[]): SQSEvent {
  return { Records: bodies.map((body, place) => sqsRecord(`message-${place}`, body)) };
}

function sqsRecord(messageId: string, body: string): SQSRecord {
  return {
    messageId,
    receiptHandle: 'AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...',
    body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1545082649183',
      SenderId: 'AIDAIENQZJOLO23YVJ4VO',
      ApproximateFirstReceiveTimestamp: '1545082649185',
    },
    messageAttributes: {},
    md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-central-1:123456789012:live-updates',
    awsRegion: 'eu-central-1',
  };
}

/** The body of a message that S3 sends to a queue: keys are URL-encoded there, with `+` for a space. */
export function s3Message(...keys: string[]): string {
  return JSON.stringify({ Records: keys.map(s3Record) });
}

function s3Record(key: string): S3EventRecord {
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'eu-central-1',
    eventTime: '2026-11-24T12:00:00.000Z',
    eventName: 'ObjectCreated:Put',
    userIdentity: { principalId: 'AWS:AROAEXAMPLE:trainer' },
    requestParameters: { sourceIPAddress: '203.0.113.7' },
    responseElements: {
      'x-amz-request-id': 'C3D13FE58DE4C810',
      'x-amz-id-2': 'FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S',
    },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'live-updates',
      bucket: {
        name: 'stillhouse-objects',
        ownerIdentity: { principalId: 'A3NL1KOZZKExample' },
        arn: 'arn:aws:s3:::stillhouse-objects',
      },
      object: {
        key: encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'),
        size: 1024,
        eTag: 'd41d8cd98f00b204e9800998ecf8427e',
        sequencer: '0055AED6DCD90281E5',
      },
    },
  };
}

/** What S3 sends to a queue once, when it is told of it. */
export const s3TestMessage = JSON.stringify({
  Service: 'Amazon S3',
  Event: 's3:TestEvent',
  Time: '2014-10-13T15:57:02.089Z',
  Bucket: 'stillhouse-objects',
  RequestId: '5582815E1AEA5ADF',
  HostId: '8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE',
});

/** A message of a WebSocket API, or the opening or the end of a connection. Only the opening has headers. */
export function webSocketEvent(given: {
  routeKey: '$connect' | '$disconnect' | '$default';
  connectionId: string;
  connectedAt?: number;
  headers?: Record<string, string>;
  body?: string;
}): WebSocketEvent {
  const { routeKey, connectionId, connectedAt = Date.now(), headers, body } = given;
  const types = { $connect: 'CONNECT', $disconnect: 'DISCONNECT', $default: 'MESSAGE' } as const;
  return {
    ...(headers === undefined ? {} : { headers }),
    requestContext: {
      routeKey,
      eventType: types[routeKey],
      extendedRequestId: 'JKJaXmPLvHcESHA=',
      requestTime: '24/Nov/2026:12:00:00 +0000',
      messageDirection: 'IN',
      stage: 'live',
      connectedAt,
      requestTimeEpoch: Date.now(),
      requestId: 'JKJaXmPLvHcESHA=',
      domainName: 'def456.execute-api.eu-central-1.amazonaws.com',
      connectionId,
      apiId: 'def456',
      ...(routeKey === '$default' ? { messageId: 'JKJaXcTqvHcCESg=' } : {}),
    } as WebSocketEvent['requestContext'],
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: false,
  };
}
