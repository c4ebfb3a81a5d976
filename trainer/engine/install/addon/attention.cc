// The operations StillhouseAttention and StillhouseAttentionGradient: multi-head attention over sequences that stand one behind
// the other, each at its own length. TensorFlow's operations have to spread them over a padded tensor first, and spend on a
// batch of short texts more on that and on the padding than on attention itself.
//
//     p = softmax(q k^T / sqrt(w));  context = (dropout p) v     for each sequence and head, w = d / heads
//     dp = dropout (dcontext v^T);   ds = p (dp - sum(p dp))
//     dq = ds k / sqrt(w);           dk = ds^T q / sqrt(w);      dv = (dropout p)^T dcontext
//
// Inputs query [m, d], key and value [n, d], prefix_key and prefix_value [p, d] (or nothing: no elements), which stand before the keys
// of every sequence, places [b, 4] (first query, queries, first key and keys of each sequence), dropout [b, heads, ., .] (or
// nothing), factors of the probabilities at each sequence's first places. Outputs context [m, d] and the probabilities, one after the other.
// The gradient takes dcontext, what was given and the probabilities; it sums the gradients of a prefix over the sequences.
#include <xmmintrin.h>

#include <cmath>
#include <limits>

#include "lanes.h"
#include "operation.h"

namespace {
using namespace stillhouse;

constexpr int64_t RoundUp(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

// R rows of a b: a(i, p) = a[i aRow + p aDepth], b [depth, .] by rows of bRow, of which one register is taken.
template <int R>
INLINE void Tile(const float* a, int64_t aRow, int64_t aDepth, const float* b, int64_t bRow, int64_t depth, float* c,
                 int64_t cRow) {
  Lanes sums[R] = {};
  for (int64_t p = 0; p < depth; p++) {
    const Lanes row = Load(b + p * bRow);
    for (int i = 0; i < R; i++) sums[i] += a[i * aRow + p * aDepth] * row;
  }
  for (int i = 0; i < R; i++) Store(c + i * cRow, sums[i]);
}

// c = a b, [rows, columns]; columns, the row length of both b and c, is a multiple of kLanes.
FOR_EVERY_PROCESSOR void Multiply(int64_t rows, int64_t columns, int64_t depth, const float* a, int64_t aRow,
                                  int64_t aDepth, const float* b, float* c) {
  constexpr int kRows = 6;  // with one register of b they fit the sixteen of AVX2
  for (int64_t i = 0; i < rows; i += kRows)
    for (int64_t j = 0; j < columns; j += kLanes) {
      const float* from = a + i * aRow;
      float* to = c + i * columns + j;
      switch (std::min<int64_t>(kRows, rows - i)) {
        case 1: Tile<1>(from, aRow, aDepth, b + j, columns, depth, to, columns); break;
        case 2: Tile<2>(from, aRow, aDepth, b + j, columns, depth, to, columns); break;
        case 3: Tile<3>(from, aRow, aDepth, b + j, columns, depth, to, columns); break;
        case 4: Tile<4>(from, aRow, aDepth, b + j, columns, depth, to, columns); break;
        case 5: Tile<5>(from, aRow, aDepth, b + j, columns, depth, to, columns); break;
        default: Tile<kRows>(from, aRow, aDepth, b + j, columns, depth, to, columns);
      }
    }
}

// Rows of scores, padded to whole registers, to probabilities; 0 in the padding.
FOR_EVERY_PROCESSOR void Softmax(int64_t rows, int64_t columns, float* scores) {
  const int64_t padded = RoundUp(columns);
  for (int64_t i = 0; i < rows; i++) {
    float* s = scores + i * padded;
    for (int64_t j = columns; j < padded; j++) s[j] = -std::numeric_limits<float>::infinity();
    Lanes tops = Load(s);
    for (int64_t j = kLanes; j < padded; j += kLanes) tops = Load(s + j) > tops ? Load(s + j) : tops;
    const float top = Top(tops);
    for (int64_t j = 0; j < padded; j++) s[j] = ExpOfNegative(s[j] - top);
    for (int64_t j = columns; j < padded; j++) s[j] = 0;
    Lanes sums = {};
    for (int64_t j = 0; j < padded; j += kLanes) sums += Load(s + j);
    const float factor = 1 / Sum(sums);
    for (int64_t j = 0; j < padded; j += kLanes) Store(s + j, Load(s + j) * factor);
  }
}

// ds from dL/dweights, in its place: p (dp - sum(p dp)) = w dw - p sum(w dw), where w = dropout p. `p` has no padding.
FOR_EVERY_PROCESSOR void SoftmaxGradient(int64_t rows, int64_t columns, const float* p, const float* weights,
                                         float* gradient) {
  const int64_t padded = RoundUp(columns);
  for (int64_t i = 0; i < rows; i++) {
    const float* w = weights + i * padded;
    float* g = gradient + i * padded;
    Lanes alongs = {};
    for (int64_t j = 0; j < padded; j += kLanes) {
      Store(g + j, Load(g + j) * Load(w + j));
      alongs += Load(g + j);
    }
    const float along = Sum(alongs);
    for (int64_t j = 0; j < columns; j++) g[j] -= p[i * columns + j] * along;
  }
}

// One head's part of rows, times a factor, to rows of whole registers.
void Pack(int64_t rows, int64_t width, const float* from, int64_t stride, float factor, float* to) {
  const int64_t padded = RoundUp(width);
  for (int64_t i = 0; i < rows; i++, from += stride, to += padded) {
    for (int64_t j = 0; j < width; j++) to[j] = from[j] * factor;
    std::fill(to + width, to + padded, 0.f);
  }
}

void Unpack(int64_t rows, int64_t width, const float* from, float factor, float* to, int64_t stride) {
  for (int64_t i = 0; i < rows; i++, from += RoundUp(width), to += stride)
    for (int64_t j = 0; j < width; j++) to[j] = from[j] * factor;
}

void UnpackAndAdd(int64_t rows, int64_t width, const float* from, float* to, int64_t stride) {
  for (int64_t i = 0; i < rows; i++, from += RoundUp(width), to += stride)
    for (int64_t j = 0; j < width; j++) to[j] += from[j];
}

// [rows, columns] to [columns, rows]; both are multiples of kLanes.
void Transpose(int64_t rows, int64_t columns, const float* from, float* to) {
  for (int64_t i = 0; i < rows; i += 4)
    for (int64_t j = 0; j < columns; j += 4) {
      __m128 block[4];
      for (int k = 0; k < 4; k++) block[k] = _mm_loadu_ps(from + (i + k) * columns + j);
      _MM_TRANSPOSE4_PS(block[0], block[1], block[2], block[3]);
      for (int k = 0; k < 4; k++) _mm_storeu_ps(to + (j + k) * rows + i, block[k]);
    }
}

// One sequence; `keys` counts the prefix too.
struct Place {
  int64_t firstQuery, queries, firstKey, keys;
};

struct Attention {
  int64_t heads, width, prefix;  // width: of a head
  std::vector<Place> places;
  const float *query, *key, *value, *prefixKey, *prefixValue;
  const float* dropout;  // null: none
  int64_t dropoutQueries, dropoutKeys;

  int64_t stride() const { return heads * width; }
  float scale() const { return 1 / std::sqrt(static_cast<float>(width)); }

  int64_t Most(int64_t Place::*count) const {
    int64_t most = 0;
    for (const Place& place : places) most = std::max(most, place.*count);
    return most;
  }
  int64_t Total(int64_t Place::*count) const {
    int64_t total = 0;
    for (const Place& place : places) total += place.*count;
    return total;
  }
  int64_t Probabilities() const {
    int64_t total = 0;
    for (const Place& place : places) total += heads * place.queries * place.keys;
    return total;
  }

  // The keys or values of one head of one sequence, the prefix before them, and rows of zeros up to whole registers of rows.
  void PackKeys(const float* before, const float* rows, const Place& place, int64_t head, float* to) const {
    const int64_t padded = RoundUp(width);
    if (prefix > 0) Pack(prefix, width, before + head * width, stride(), 1, to);
    const float* own = rows + place.firstKey * stride() + head * width;
    Pack(place.keys - prefix, width, own, stride(), 1, to + prefix * padded);
    std::fill(to + place.keys * padded, to + RoundUp(place.keys) * padded, 0.f);
  }

  void Drop(size_t sequence, int64_t head, float* weights) const {
    if (dropout == nullptr) return;
    const auto [firstQuery, queries, firstKey, keys] = places[sequence];
    const float* factors = dropout + (sequence * heads + head) * dropoutQueries * dropoutKeys;
    for (int64_t i = 0; i < queries; i++)
      for (int64_t j = 0; j < keys; j++) weights[i * RoundUp(keys) + j] *= factors[i * dropoutKeys + j];
  }

  // Calls work(sequence, head, where its probabilities begin) for the heads from .. to.
  template <typename Work>
  void ForEach(int64_t from, int64_t to, Work work) const {
    int64_t start = 0;
    for (size_t s = 0; s < places.size(); s++) {
      const int64_t size = places[s].queries * places[s].keys;
      for (int64_t head = from; head < to; head++) work(s, head, start + head * size);
      start += heads * size;
    }
  }

  // Every thread takes some of the heads: what is summed over the sequences is then summed by one.
  template <typename Work>
  void InParts(Work work) const {
    const int64_t products = std::max<int64_t>(1, Probabilities() / heads * width);
    stillhouse::InParts(heads, (1 << 18) / products + 1, work);
  }
};

void Forward(const Attention& in, int64_t from, int64_t to, float* context, float* probabilities) {
  const int64_t w = RoundUp(in.width), mostQueries = in.Most(&Place::queries), mostKeys = RoundUp(in.Most(&Place::keys));
  std::vector<float> q(mostQueries * w), k(mostKeys * w), kT(mostKeys * w), v(mostKeys * w), out(mostQueries * w);
  std::vector<float> weights(mostQueries * mostKeys);
  in.ForEach(from, to, [&](size_t s, int64_t head, int64_t start) {
    const auto [firstQuery, queries, firstKey, keys] = in.places[s];
    const int64_t padded = RoundUp(keys), first = firstQuery * in.stride() + head * in.width;
    Pack(queries, in.width, in.query + first, in.stride(), in.scale(), q.data());
    in.PackKeys(in.prefixKey, in.key, in.places[s], head, k.data());
    in.PackKeys(in.prefixValue, in.value, in.places[s], head, v.data());
    Transpose(padded, w, k.data(), kT.data());
    Multiply(queries, padded, in.width, q.data(), w, 1, kT.data(), weights.data());
    Softmax(queries, keys, weights.data());
    for (int64_t i = 0; i < queries; i++)
      std::copy_n(&weights[i * padded], keys, probabilities + start + i * keys);
    in.Drop(s, head, weights.data());
    Multiply(queries, w, keys, weights.data(), padded, 1, v.data(), out.data());
    Unpack(queries, in.width, out.data(), 1, context + first, in.stride());
  });
}

struct Gradients {
  float *query, *key, *value, *prefixKey, *prefixValue;
};

void Gradient(const Attention& in, int64_t from, int64_t to, const float* dContext, const float* probabilities,
              const Gradients& gradients) {
  const int64_t w = RoundUp(in.width), mostQueries = in.Most(&Place::queries), mostKeys = RoundUp(in.Most(&Place::keys));
  std::vector<float> q(mostQueries * w), k(mostKeys * w), v(mostKeys * w), vT(mostKeys * w), dc(mostQueries * w);
  std::vector<float> weights(mostQueries * mostKeys), dScores(mostQueries * mostKeys);
  std::vector<float> dq(mostQueries * w), dk(mostKeys * w);
  const auto unpackKeys = [&](const Place& place, int64_t head, float* before, float* rows) {
    if (in.prefix > 0) UnpackAndAdd(in.prefix, in.width, dk.data(), before + head * in.width, in.stride());
    float* own = rows + place.firstKey * in.stride() + head * in.width;
    Unpack(place.keys - in.prefix, in.width, &dk[in.prefix * w], 1, own, in.stride());
  };
  in.ForEach(from, to, [&](size_t s, int64_t head, int64_t start) {
    const auto [firstQuery, queries, firstKey, keys] = in.places[s];
    const int64_t padded = RoundUp(keys), first = firstQuery * in.stride() + head * in.width;
    Pack(queries, in.width, in.query + first, in.stride(), in.scale(), q.data());
    Pack(queries, in.width, dContext + first, in.stride(), 1, dc.data());
    in.PackKeys(in.prefixKey, in.key, in.places[s], head, k.data());
    in.PackKeys(in.prefixValue, in.value, in.places[s], head, v.data());
    Transpose(padded, w, v.data(), vT.data());
    const float* p = probabilities + start;
    Pack(queries, keys, p, keys, 1, weights.data());
    in.Drop(s, head, weights.data());

    Multiply(keys, w, queries, weights.data(), 1, padded, dc.data(), dk.data());
    unpackKeys(in.places[s], head, gradients.prefixValue, gradients.value);
    Multiply(queries, padded, in.width, dc.data(), w, 1, vT.data(), dScores.data());
    SoftmaxGradient(queries, keys, p, weights.data(), dScores.data());
    Multiply(queries, w, keys, dScores.data(), padded, 1, k.data(), dq.data());
    Unpack(queries, in.width, dq.data(), in.scale(), gradients.query + first, in.stride());
    Multiply(keys, w, queries, dScores.data(), 1, padded, q.data(), dk.data());
    unpackKeys(in.places[s], head, gradients.prefixKey, gradients.key);
  });
}

// Inputs first, first + 1, .. of a call as this operation names them.
Attention Read(Call& call, int first, int64_t heads) {
  const TF_Tensor* in[7];
  for (int i = 0; i < 7; i++) in[i] = call.Input(first + i);
  if (!call.ok()) return {};
  const auto [query, key, value, prefixKey, prefixValue, places, dropout] = in;
  const int64_t d = TF_NumDims(key) == 2 ? TF_Dim(key, 1) : 0;
  call.Expect(heads > 0 && d > 0 && d % heads == 0, "keys [n, d] were expected, d a multiple of the number of heads");
  if (!call.ok()) return {};
  call.Expect(Count(query) % d == 0 && Count(value) == Count(key), "queries, keys and values of unequal size");
  call.Expect(Count(prefixKey) % d == 0 && Count(prefixValue) == Count(prefixKey), "prefixes of unequal size");
  call.Expect(Count(places) % 4 == 0, "four numbers a sequence were expected");
  Attention read = {heads, d / heads, Count(prefixKey) / d};
  for (int64_t s = 0; s < Count(places) / 4; s++) {
    const int32_t* p = Integers(places) + 4 * s;
    call.Expect(p[0] >= 0 && p[1] >= 0 && p[0] + p[1] <= Count(query) / d, "a sequence's queries lie outside");
    call.Expect(p[2] >= 0 && p[3] > 0 && p[2] + p[3] <= Count(key) / d, "a sequence's keys lie outside");
    read.places.push_back({p[0], p[1], p[2], p[3] + read.prefix});
  }
  read.query = Values(query);
  read.key = Values(key);
  read.value = Values(value);
  read.prefixKey = Values(prefixKey);
  read.prefixValue = Values(prefixValue);
  if (Count(dropout) == 0 || !call.ok()) return read;
  call.Expect(TF_NumDims(dropout) == 4 && TF_Dim(dropout, 0) == static_cast<int64_t>(read.places.size()) &&
                  TF_Dim(dropout, 1) == heads && TF_Dim(dropout, 2) >= read.Most(&Place::queries) &&
                  TF_Dim(dropout, 3) >= read.Most(&Place::keys),
              "a dropout factor for each probability was expected");
  if (!call.ok()) return read;
  read.dropout = Values(dropout);
  read.dropoutQueries = TF_Dim(dropout, 2);
  read.dropoutKeys = TF_Dim(dropout, 3);
  return read;
}

void* ReadHeads(TF_OpKernelConstruction* construction) {
  TF_Status* status = TF_NewStatus();
  auto* heads = new int64_t(0);
  TF_OpKernelConstruction_GetAttrInt64(construction, "heads", heads, status);
  if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(construction, status);
  TF_DeleteStatus(status);
  return heads;
}

void ForgetHeads(void* heads) { delete static_cast<int64_t*>(heads); }

void ComputeForward(void* heads, TF_OpKernelContext* context) {
  Call call(context);
  const Attention in = Read(call, 0, *static_cast<int64_t*>(heads));
  TF_Tensor* query = call.Input(0);
  float* output = query == nullptr ? nullptr : call.Output(0, query);
  float* probabilities = call.Output(1, {in.Probabilities()});
  if (!call.ok()) return;
  if (in.Total(&Place::queries) * in.stride() < Count(query)) std::fill_n(output, Count(query), 0.f);
  in.InParts([&](int64_t from, int64_t to) { Forward(in, from, to, output, probabilities); });
}

void ComputeGradient(void* heads, TF_OpKernelContext* context) {
  Call call(context);
  const TF_Tensor* dContext = call.Input(0);
  const Attention in = Read(call, 1, *static_cast<int64_t*>(heads));
  const TF_Tensor* probabilities = call.Input(8);
  const TF_Tensor* given[5];
  for (int i = 0; i < 5; i++) given[i] = call.Input(1 + i);
  call.Expect(call.ok() && Count(dContext) == Count(given[0]), "a gradient for each query was expected");
  call.Expect(call.ok() && Count(probabilities) == in.Probabilities(), "the probabilities of the same places were expected");
  float* out[5];
  for (int i = 0; i < 5; i++) out[i] = call.ok() ? call.Output(i, given[i]) : nullptr;
  if (!call.ok()) return;
  // Rows of no sequence have no gradient; those of a prefix are summed.
  if (in.Total(&Place::queries) * in.stride() < Count(given[0])) std::fill_n(out[0], Count(given[0]), 0.f);
  if ((in.Total(&Place::keys) - in.prefix * in.places.size()) * in.stride() < Count(given[1]))
    for (int i = 1; i < 3; i++) std::fill_n(out[i], Count(given[1]), 0.f);
  for (int i = 3; i < 5; i++) std::fill_n(out[i], Count(given[3]), 0.f);
  in.InParts([&](int64_t from, int64_t to) {
    Gradient(in, from, to, Values(dContext), Values(probabilities), {out[0], out[1], out[2], out[3], out[4]});
  });
}

const Register forward("StillhouseAttention", {"heads: int"},
                       {"query: float", "key: float", "value: float", "prefix_key: float", "prefix_value: float",
                        "places: int32", "dropout: float"},
                       {"context: float", "probabilities: float"}, &ReadHeads, &ComputeForward, &ForgetHeads);
const Register gradient("StillhouseAttentionGradient", {"heads: int"},
                        {"dcontext: float", "query: float", "key: float", "value: float", "prefix_key: float",
                         "prefix_value: float", "places: int32", "dropout: float", "probabilities: float"},
                        {"dquery: float", "dkey: float", "dvalue: float", "dprefix_key: float", "dprefix_value: float"},
                        &ReadHeads, &ComputeGradient, &ForgetHeads);
}  // namespace
