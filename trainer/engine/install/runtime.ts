import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export type Variant = 'cpu' | 'gpu';

/**
 * Measured against 2.18.1, the other version that builds and passes: exp, tanh and sigmoid take a third less time.
 * A change here needs new hashes and sizes below.
 */
export const tensorflowVersion = '2.21.0';

/** One wheel of the Python package index, used as a carrier of shared libraries alone. */
export interface Wheel {
  requirement: string;
  sha256: string;
  downloadBytes: number;
  /** Of the files that are kept. */
  unpackedBytes: number;
}

function wheel(requirement: string, sha256: string, downloadMegabytes: number, unpackedMegabytes: number): Wheel {
  return { requirement, sha256, downloadBytes: downloadMegabytes * 1e6, unpackedBytes: unpackedMegabytes * 1e6 };
}

/** CUDA 12.5 and cuDNN 9.3: the oldest that TensorFlow 2.21 takes, and so the least demanding of the driver (>= 525). */
const cudaWheels: Wheel[] = [
  wheel('nvidia-cublas-cu12==12.5.3.2', 'ca070ad70e9fa6654084575d01bd001f30cc4665e33d4bb9fc8e0f321caa034b', 363, 552),
  wheel('nvidia-cuda-cupti-cu12==12.5.82', 'bde77a5feb66752ec61db2adfe47f56b941842825b4c7e2068aff27c9d107953', 14, 44),
  wheel('nvidia-cuda-nvcc-cu12==12.5.82', 'b03e545b8e8c3ce7ebcd7fc44063180ff52ff01d064ece2127ed90a04ef12cd0', 22, 59),
  wheel('nvidia-cuda-nvrtc-cu12==12.5.82', '3dbd97b0104b4bfbc3c4f8c79cd2496307c89c43c29a9f83125f1d76296ff3fd', 25, 68),
  wheel('nvidia-cuda-runtime-cu12==12.5.82', '3e79a060e126df40fd3a068f3f787eb000fa51b251ec6cd97d09579632687115', 1, 1),
  wheel('nvidia-cudnn-cu12==9.3.0.75', '9ad9c6929ebb5295eb4a1728024666d1c88283373e265a0c5c883e6f9d5cd76d', 577, 885),
  wheel('nvidia-cufft-cu12==11.2.3.61', '9a6e8df162585750f61983a638104a48c756aa13f9f48e19ab079b38e3c828b8', 193, 279),
  wheel('nvidia-curand-cu12==10.3.6.82', '2823fb27de4e44dbb22394a6adf53aa6e1b013aca0f8c22867d1cfae58405536', 56, 97),
  wheel(
    'nvidia-cusolver-cu12==11.6.3.83',
    '93cfafacde4428b71778eeb092ec615a02a3d05404da1bcf91c53e3fa1bce42b',
    130,
    218,
  ),
  wheel('nvidia-cusparse-cu12==12.5.1.3', '016df8e993c437e8301e62739f01775cba988fd5253cd4c64173f8e8d2f8e752', 218, 296),
  wheel('nvidia-nccl-cu12==2.27.7', 'de5ba5562f08029a19cb1cd659404b18411ed0d6c90ac5f52f30bf99ad5809aa', 323, 430),
  wheel('nvidia-nvjitlink-cu12==12.5.82', 'f9b37bc5c8cf7509665cb6ada5aaa0ce65618f2332b7d3e78e9790511f111212', 21, 55),
];

/** The wheels of a variant, for CPython 3.11 whichever Python is there: none of their Python code is used. */
export function wheelsOf(variant: Variant): Wheel[] {
  const version = tensorflowVersion;
  if (variant === 'cpu') {
    const sha256 = '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c';
    return [wheel(`tensorflow-cpu==${version}`, sha256, 274, 854)];
  }
  const sha256 = '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124';
  return [wheel(`tensorflow==${version}`, sha256, 573, 1260), ...cudaWheels];
}

/** What of the wheels is kept: shared libraries, the compiler parts CUDA loads at run time, and a few headers. */
export const keptFiles = [
  String.raw`tensorflow/libtensorflow_(cc|framework)\.so\.2`,
  String.raw`tensorflow/include/tensorflow/c/([^/]+|eager/c_api|experimental/stream_executor/[^/]+)\.h`,
  String.raw`tensorflow/include/tensorflow/core/common_runtime/next_pluggable_device/c/[^/]+\.h`,
  String.raw`tensorflow/include/tsl/platform/platform\.h`,
  String.raw`tensorflow/include/(tensorflow/core|tsl)/platform/ctstring(_internal)?\.h`,
  String.raw`tensorflow/include/xla/tsl/c/[^/]+\.h`,
  'tensorflow/THIRD_PARTY_NOTICES.txt',
  String.raw`nvidia/[^/]+/lib/.+\.so[.0-9]*`,
  'nvidia/cuda_nvcc/(bin/ptxas|nvvm/libdevice/.+|nvvm/lib64/.+)',
];

export interface EnginePaths {
  /** The npm package whose C++ sources are built. */
  package: string;
  addon: string;
  nodeHeaders: string;
  /** Where a variant's libraries lie. `npm ci` clears node_modules and them with it. */
  runtime(variant: Variant): string;
}

/** null where npm has left the package out. */
export function enginePaths(): EnginePaths | null {
  const { resolve } = createRequire(__filename);
  try {
    const folder = dirname(resolve('@tensorflow/tfjs-node-gpu/package.json'));
    const nodeModules = dirname(dirname(folder));
    return {
      package: folder,
      addon: join(folder, 'lib', 'napi-v8', 'tfjs_binding.node'),
      nodeHeaders: join(dirname(resolve('node-api-headers/package.json')), 'include'),
      runtime: (variant) => join(nodeModules, '.cache', 'tensorflow-runtime', `${tensorflowVersion}-${variant}`),
    };
  } catch {
    return null;
  }
}
