// Convolution, batch normalisation and ReLU of one layer as one step, for CPU cores: see fast.py.
//
// Values between layers are bfloat16 where the cores multiply them, else float (WHOLE_FLOATS);
// channels last; sums are float. Vectors run over channels, so every number of channels is a multiple
// of eight.

#include <torch/extension.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using torch::Tensor;
#ifdef WHOLE_FLOATS
using Value = float;
constexpr auto VALUE = torch::kFloat32;
#else
using Value = std::uint16_t;  // the upper half of a float: bfloat16
constexpr auto VALUE = torch::kBFloat16;
#endif

// N floats at once; GCC converts no vectors whose size a template tells.
#define LANES(NAME, N)                                                                            \
    struct NAME {                                                                                 \
        static constexpr int COUNT = N;                                                           \
        typedef float Floats __attribute__((vector_size(4 * N)));                                 \
        typedef std::uint32_t Words __attribute__((vector_size(4 * N)));                          \
        typedef std::uint16_t Halves __attribute__((vector_size(2 * N)));                         \
        static Floats read(const std::uint16_t* at) {                                             \
            Halves halves;                                                                        \
            std::memcpy(&halves, at, sizeof halves);                                              \
            return (Floats)(__builtin_convertvector(halves, Words) << 16);                        \
        }                                                                                         \
        static Floats read(const float* at) {                                                     \
            Floats floats;                                                                        \
            std::memcpy(&floats, at, sizeof floats);                                              \
            return floats;                                                                        \
        }                                                                                         \
        static void write(std::uint16_t* at, Floats floats) { /* to the nearest, ties to even */  \
            Words words = (Words)floats;                                                          \
            words = (words + 0x7fff + ((words >> 16) & 1)) >> 16;                                 \
            Halves halves = __builtin_convertvector(words, Halves);                               \
            std::memcpy(at, &halves, sizeof halves);                                              \
        }                                                                                         \
        static void write(float* at, Floats floats) { std::memcpy(at, &floats, sizeof floats); }  \
    };
LANES(Sixteen, 16)
LANES(Eight, 8)
#undef LANES

// Calls step(first channel, Sixteen or Eight) until all channels are done.
template <typename Step>
void over_channels(std::int64_t channels, Step step) {
    std::int64_t c = 0;
#ifndef WHOLE_FLOATS  // cores without bfloat16 know eight lanes
    for (; c + 16 <= channels; c += 16) step(c, Sixteen());
#endif
    for (; c + 8 <= channels; c += 8) step(c, Eight());
}

Value* values(const Tensor& t) { return static_cast<Value*>(t.data_ptr()); }

// (n, c, h, w) channels last -> the same memory as (n, h, w, c).
Tensor rows_of(const Tensor& t) {
    return t.to(VALUE).contiguous(at::MemoryFormat::ChannelsLast).permute({0, 2, 3, 1});
}
Tensor picture_of(const Tensor& rows) { return rows.permute({0, 3, 1, 2}); }

// --- products of matrices with many rows and few columns ---

#ifdef WHOLE_FLOATS

// R rows and 8 * W columns of a product stay in registers; `down`, `right`: the steps in `a` from one
// row of the product, and from one term, to the next.
template <int R, int W>
void tile(const float* a, std::int64_t down, std::int64_t right, const float* b, std::int64_t n,
          std::int64_t terms, float* to, bool more) {
    using Floats = Eight::Floats;
    Floats sum[R][W] = {};
    for (std::int64_t j = 0; j < terms; ++j) {
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
            for (int w = 0; w < W; ++w)
                sum[r][w] += a[r * down + j * right] * Eight::read(b + j * n + 8 * w);
    }
    for (int r = 0; r < R; ++r)
        for (int w = 0; w < W; ++w) {
            float* at = to + r * n + 8 * w;
            Eight::write(at, more ? Eight::read(at) + sum[r][w] : sum[r][w]);
        }
}

void tiles(const float* a, std::int64_t down, std::int64_t right, const float* b, std::int64_t rows,
           std::int64_t n, std::int64_t terms, float* to, bool more) {
    std::int64_t column = 0;
    auto strip = [&](auto wide) {
        constexpr int W = decltype(wide)::value;
        std::int64_t row = 0;
        for (; row + 4 <= rows; row += 4)
            tile<4, W>(a + row * down, down, right, b + column, n, terms, to + row * n + column, more);
        for (; row < rows; ++row)
            tile<1, W>(a + row * down, down, right, b + column, n, terms, to + row * n + column, more);
        column += 8 * W;
    };
    while (column + 16 <= n) strip(std::integral_constant<int, 2>());
    while (column < n) strip(std::integral_constant<int, 1>());
}

// (rows, k) x (k, n)
Tensor product(const Tensor& a, const Tensor& b) {
    constexpr std::int64_t CHUNK = 64;  // rows whose terms stay in the nearest cache
    const Tensor left = a.contiguous(), right = b.contiguous();
    const std::int64_t rows = a.size(0), k = a.size(1), n = b.size(1);
    Tensor out = torch::empty({rows, n}, a.options());
    for (std::int64_t row = 0; row < rows; row += CHUNK)
        tiles(values(left) + row * k, k, 1, values(right), std::min(CHUNK, rows - row), n, k,
              values(out) + row * n, false);
    return out;
}

// (rows, k) transposed x (rows, n)
Tensor product_over_rows(const Tensor& a, const Tensor& b) {
    constexpr std::int64_t CHUNK = 64;
    const Tensor left = a.contiguous(), right = b.contiguous();
    const std::int64_t rows = a.size(0), k = a.size(1), n = b.size(1);
    Tensor out = torch::zeros({k, n}, a.options());
    for (std::int64_t row = 0; row < rows; row += CHUNK)
        tiles(values(left) + row * k, 1, k, values(right) + row * n, k, n, std::min(CHUNK, rows - row),
              values(out), true);
    return out;
}

#else

Tensor product(const Tensor& a, const Tensor& b) { return at::mm(a, b); }
Tensor product_over_rows(const Tensor& a, const Tensor& b) { return at::mm(a.t(), b); }

#endif

// --- depthwise, K x K, padded by K / 2 ---

struct Depthwise {
    static constexpr int K = 5, PAD = K / 2;
    std::int64_t n, h, w, c, stride, oh, ow;
    std::vector<float> tile;

    Depthwise(const Tensor& x, std::int64_t by)
        : n(x.size(0)), h(x.size(1)), w(x.size(2)), c(x.size(3)), stride(by),
          oh((h - 1) / by + 1), ow((w - 1) / by + 1), tile((h + K) * (w + K) * 16) {}

    // One picture's channels as floats, with a margin of zeros; `apart`: zeros between them, too.
    template <typename L>
    void lay_out(L, const Value* from, std::int64_t rows, std::int64_t columns, int apart) {
        constexpr int N = L::COUNT;
        const std::int64_t width = w + 2 * PAD;
        std::fill(tile.begin(), tile.begin() + (h + 2 * PAD) * width * N, 0.0f);
        for (std::int64_t y = 0; y < rows; ++y)
            for (std::int64_t x = 0; x < columns; ++x)
                L::write(&tile[((y * apart + PAD) * width + x * apart + PAD) * N],
                         L::read(from + (y * columns + x) * c));
    }

    template <typename L>
    void correlate(L lanes, const float* weights, bool flipped, Value* to, std::int64_t rows,
                   std::int64_t columns, std::int64_t by) {
        typename L::Floats kernel[K * K];
        for (int k = 0; k < K * K; ++k) kernel[flipped ? K * K - 1 - k : k] = L::read(weights + k * c);
        if (by == 1)
            correlate_by<1>(lanes, kernel, to, rows, columns);
        else
            correlate_by<2>(lanes, kernel, to, rows, columns);
    }

    // Four places of a line at once: a weight is read once for them.
    template <int BY, typename L>
    void correlate_by(L lanes, const typename L::Floats* kernel, Value* to, std::int64_t rows,
                      std::int64_t columns) {
        for (std::int64_t y = 0; y < rows; ++y) {
            const float* line = &tile[y * BY * (w + 2 * PAD) * L::COUNT];
            Value* out = to + y * columns * c;
            std::int64_t x = 0;
            for (; x + 4 <= columns; x += 4) places<BY, 4>(lanes, kernel, line, x, out);
            for (; x < columns; ++x) places<BY, 1>(lanes, kernel, line, x, out);
        }
    }

    template <int BY, int PLACES, typename L>
    void places(L, const typename L::Floats* kernel, const float* line, std::int64_t x, Value* out) {
        constexpr int N = L::COUNT;
        const std::int64_t width = w + 2 * PAD;
        typename L::Floats sum[PLACES] = {};
#pragma GCC unroll 5
        for (int ky = 0; ky < K; ++ky) {
            const float* from = line + (ky * width + x * BY) * N;
#pragma GCC unroll 5
            for (int kx = 0; kx < K; ++kx)
#pragma GCC unroll 4
                for (int place = 0; place < PLACES; ++place)
                    sum[place] += kernel[ky * K + kx] * L::read(from + (place * BY + kx) * N);
        }
        for (int place = 0; place < PLACES; ++place) L::write(out + (x + place) * c, sum[place]);
    }

    template <typename L>
    void gather(L, const Value* gradient, float* sums) {
        constexpr int N = L::COUNT;
        const std::int64_t width = w + 2 * PAD;
        for (int ky = 0; ky < K; ++ky) {
            typename L::Floats sum[K] = {};
            for (std::int64_t y = 0; y < oh; ++y) {
                const float* line = &tile[(y * stride + ky) * width * N];
                const Value* of = gradient + y * ow * c;
                for (std::int64_t x = 0; x < ow; ++x) {
                    const auto g = L::read(of + x * c);
#pragma GCC unroll 5
                    for (int kx = 0; kx < K; ++kx)
                        sum[kx] += g * L::read(line + (x * stride + kx) * N);
                }
            }
            for (int kx = 0; kx < K; ++kx) {
                float* at = sums + (ky * K + kx) * c;
                L::write(at, L::read(at) + sum[kx]);
            }
        }
    }
};

Tensor by_tap(const Tensor& weight) { return weight.flatten(1).t().contiguous(); }  // (25, c)

Tensor depthwise(const Tensor& x, const Tensor& weight, std::int64_t stride) {
    Depthwise d(x, stride);
    Tensor taps = by_tap(weight), out = torch::empty({d.n, d.oh, d.ow, d.c}, x.options());
    const float* of = taps.data_ptr<float>();
    const Value* from = values(x);
    Value* to = values(out);
    for (std::int64_t i = 0; i < d.n; ++i)
        over_channels(d.c, [&](std::int64_t c, auto lanes) {
            d.lay_out(lanes, from + i * d.h * d.w * d.c + c, d.h, d.w, 1);
            d.correlate(lanes, of + c, false, to + i * d.oh * d.ow * d.c + c, d.oh, d.ow, d.stride);
        });
    return out;
}

std::pair<Tensor, Tensor> depthwise_gradient(const Tensor& x, const Tensor& weight,
                                             const Tensor& gradient, std::int64_t stride) {
    Depthwise d(x, stride);
    Tensor taps = by_tap(weight), dx = torch::empty_like(x), dtaps = torch::zeros_like(taps);
    const float* of = taps.data_ptr<float>();
    float* sums = dtaps.data_ptr<float>();
    const Value *from = values(x), *g = values(gradient);
    Value* to = values(dx);
    for (std::int64_t i = 0; i < d.n; ++i)
        over_channels(d.c, [&](std::int64_t c, auto lanes) {
            const Value* mine = g + i * d.oh * d.ow * d.c + c;
            d.lay_out(lanes, from + i * d.h * d.w * d.c + c, d.h, d.w, 1);
            d.gather(lanes, mine, sums + c);
            d.lay_out(lanes, mine, d.oh, d.ow, static_cast<int>(d.stride));
            d.correlate(lanes, of + c, true, to + i * d.h * d.w * d.c + c, d.h, d.w, 1);
        });
    return {dx, dtaps.t().reshape(weight.sizes())};
}

// --- every channel with every other: each place's square as one row of a matrix ---

struct Squares {
    std::int64_t n, h, w, c, k, stride, oh, ow;

    Squares(const Tensor& x, std::int64_t side, std::int64_t by)
        : n(x.size(0)), h(x.size(1)), w(x.size(2)), c(x.size(3)), k(side), stride(by),
          oh((h - 1) / by + 1), ow((w - 1) / by + 1) {}

    // Calls step(at in the matrix, at in the picture, length) for each line of each square.
    template <typename Step>
    void over_lines(Step step) const {
        std::int64_t row = 0;
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t y = 0; y < oh; ++y)
                for (std::int64_t x = 0; x < ow; ++x, ++row)
                    for (std::int64_t ky = 0; ky < k; ++ky) {
                        const std::int64_t line = y * stride + ky - k / 2, left = x * stride - k / 2;
                        if (line < 0 || line >= h) continue;
                        const std::int64_t first = std::max<std::int64_t>(left, 0);
                        const std::int64_t last = std::min(left + k, w);
                        step(((row * k + ky) * k + first - left) * c, ((i * h + line) * w + first) * c,
                             (last - first) * c);
                    }
    }

    Tensor laid_out(const Tensor& x) const {
        Tensor matrix = torch::zeros({n * oh * ow, k * k * c}, x.options());
        Value* to = values(matrix);
        const Value* from = values(x);
        over_lines([&](auto in_matrix, auto in_picture, auto length) {
            std::memcpy(to + in_matrix, from + in_picture, sizeof(Value) * length);
        });
        return matrix;
    }

    Tensor added_up(const Tensor& matrix) const {
        Tensor sum = torch::zeros({n, h, w, c}, torch::kFloat32);
        float* to = sum.data_ptr<float>();
        const Value* from = values(matrix);
        over_lines([&](auto in_matrix, auto in_picture, auto length) {
            for (std::int64_t j = 0; j < length; j += 8)
                Eight::write(to + in_picture + j, Eight::read(to + in_picture + j) +
                                                      Eight::read(from + in_matrix + j));
        });
        return sum;
    }
};

Tensor as_matrix(const Tensor& weight) {  // (channels out, side * side * channels in)
    return weight.permute({0, 2, 3, 1}).flatten(1).to(VALUE);
}

// --- batch normalisation and ReLU, over rows of channels ---

struct Normal {
    Tensor mean, spread, scale, shift;  // spread: 1 / standard deviation
};

// Two sums over all rows per channel: of first(row, c) and second(row, c).
template <typename Terms>
std::pair<Tensor, Tensor> sums(std::int64_t rows, std::int64_t channels, Terms terms) {
    constexpr std::int64_t CHUNK = 256;  // in floats; chunks add up in doubles
    Tensor a = torch::zeros({channels}, torch::kFloat64), b = torch::zeros_like(a);
    std::vector<float> pa(channels), pb(channels);
    for (std::int64_t from = 0; from < rows; from += CHUNK) {
        const std::int64_t to = std::min(rows, from + CHUNK);
        over_channels(channels, [&](std::int64_t c, auto lanes) {
            using L = decltype(lanes);
            typename L::Floats sa = {}, sb = {};
            for (std::int64_t row = from; row < to; ++row) terms(row * channels + c, c, lanes, sa, sb);
            L::write(&pa[c], sa);
            L::write(&pb[c], sb);
        });
        for (std::int64_t c = 0; c < channels; ++c) {
            a.data_ptr<double>()[c] += pa[c];
            b.data_ptr<double>()[c] += pb[c];
        }
    }
    return {a, b};
}

bool is_depthwise(const Tensor& weight) { return weight.size(1) == 1; }

class Layer : public torch::autograd::Function<Layer> {
  public:
    static Tensor forward(torch::autograd::AutogradContext* context, Tensor x, Tensor weight,
                          Tensor gain, Tensor offset, Tensor usual, Tensor varies, std::int64_t stride,
                          bool relu, double momentum, double epsilon) {
        Tensor in = rows_of(x), z;
        if (is_depthwise(weight)) {
            z = depthwise(in, weight, stride);
        } else if (weight.size(2) == 1) {
            z = product(in.reshape({-1, in.size(3)}), weight.flatten(1).to(VALUE).t())
                    .reshape({in.size(0), in.size(1), in.size(2), weight.size(0)});
        } else {
            const Squares squares(in, weight.size(2), stride);
            z = product(squares.laid_out(in), as_matrix(weight).t())
                    .reshape({squares.n, squares.oh, squares.ow, weight.size(0)});
        }
        const std::int64_t channels = z.size(3), rows = z.numel() / channels;
        const Value* from = values(z);
        auto [sum, square] = sums(rows, channels, [&](auto at, auto, auto lanes, auto& a, auto& b) {
            const auto v = decltype(lanes)::read(from + at);
            a += v;
            b += v * v;
        });
        Tensor mean = sum / static_cast<double>(rows);
        Tensor variance = (square / static_cast<double>(rows) - mean * mean).clamp_min(0);
        usual.lerp_(mean.to(torch::kFloat32), momentum);
        const double unbiased = static_cast<double>(rows) / std::max<double>(1, rows - 1);
        varies.lerp_((variance * unbiased).to(torch::kFloat32), momentum);
        Normal n;
        n.mean = mean.to(torch::kFloat32);
        n.spread = (variance + epsilon).rsqrt().to(torch::kFloat32);
        n.scale = gain * n.spread;
        n.shift = offset - n.mean * n.scale;
        Tensor out = torch::empty_like(z);
        Value* to = values(out);
        const float *scale = n.scale.data_ptr<float>(), *shift = n.shift.data_ptr<float>();
        over_channels(channels, [&](std::int64_t c, auto lanes) {
            using L = decltype(lanes);
            const auto by = L::read(scale + c), plus = L::read(shift + c);
            const typename L::Floats nothing = {};
            for (std::int64_t row = 0; row < rows; ++row) {
                auto v = L::read(from + row * channels + c) * by + plus;
                if (relu) v = v > nothing ? v : nothing;
                L::write(to + row * channels + c, v);
            }
        });
        context->save_for_backward({in, weight, z, n.mean, n.spread, n.scale, n.shift});
        context->saved_data["stride"] = stride;
        context->saved_data["relu"] = relu;
        context->saved_data["wanted"] = x.requires_grad();
        return picture_of(out);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                   torch::autograd::variable_list gradients) {
        const auto saved = context->get_saved_variables();
        const Tensor &in = saved[0], &weight = saved[1], &z = saved[2], &mean = saved[3],
                     &spread = saved[4], &scale = saved[5], &shift = saved[6];
        const std::int64_t stride = context->saved_data["stride"].toInt();
        const bool relu = context->saved_data["relu"].toBool();
        Tensor gradient = rows_of(gradients[0]);
        const std::int64_t channels = z.size(3), rows = z.numel() / channels;
        const Value *from = values(z), *g = values(gradient);
        const float *mu = mean.data_ptr<float>(), *over = spread.data_ptr<float>(),
                    *by = scale.data_ptr<float>(), *plus = shift.data_ptr<float>();
        auto passed = [&](auto at, auto c, auto lanes, const auto& v) {
            using L = decltype(lanes);
            auto d = L::read(g + at);
            const typename L::Floats nothing = {};
            if (relu) d = v * L::read(by + c) + L::read(plus + c) > nothing ? d : nothing;
            return d;
        };
        auto [sum, both] = sums(rows, channels, [&](auto at, auto c, auto lanes, auto& a, auto& b) {
            using L = decltype(lanes);
            const auto v = L::read(from + at);
            const auto d = passed(at, c, lanes, v);
            a += d;
            b += d * (v - L::read(mu + c)) * L::read(over + c);
        });
        Tensor offset = sum.to(torch::kFloat32), gain = both.to(torch::kFloat32);
        Tensor mean_d = offset / static_cast<double>(rows), mean_p = gain / static_cast<double>(rows);
        const float *md = mean_d.data_ptr<float>(), *mp = mean_p.data_ptr<float>();
        Tensor dz = torch::empty_like(z);
        Value* to = values(dz);
        over_channels(channels, [&](std::int64_t c, auto lanes) {
            using L = decltype(lanes);
            const auto m = L::read(mu + c), o = L::read(over + c), s = L::read(by + c),
                       a = L::read(md + c), b = L::read(mp + c);
            for (std::int64_t row = 0; row < rows; ++row) {
                const std::int64_t at = row * channels + c;
                const auto v = L::read(from + at);
                L::write(to + at, s * (passed(at, c, lanes, v) - a - (v - m) * o * b));
            }
        });
        Tensor dx, dweight;
        if (is_depthwise(weight)) {
            std::tie(dx, dweight) = depthwise_gradient(in, weight, dz, stride);
            dx = picture_of(dx);
        } else if (weight.size(2) == 1) {
            Tensor flat = dz.reshape({rows, channels});
            Tensor of = in.reshape({rows, in.size(3)});
            dx = picture_of(product(flat, weight.flatten(1).to(VALUE)).reshape(in.sizes()));
            dweight = product_over_rows(flat, of).to(torch::kFloat32).reshape(weight.sizes());
        } else {
            const Squares squares(in, weight.size(2), stride);
            Tensor flat = dz.reshape({rows, channels});
            dweight = product_over_rows(squares.laid_out(in), flat)
                          .t()
                          .to(torch::kFloat32)
                          .reshape({channels, weight.size(2), weight.size(3), in.size(3)})
                          .permute({0, 3, 1, 2})
                          .contiguous();
            if (context->saved_data["wanted"].toBool())
                dx = picture_of(squares.added_up(product(flat, as_matrix(weight))));
        }
        Tensor none;
        return {dx, dweight, gain, offset, none, none, none, none, none, none};
    }
};

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
    module.def("layer", [](Tensor x, Tensor weight, Tensor gain, Tensor offset, Tensor usual,
                           Tensor varies, std::int64_t stride, bool relu, double momentum,
                           double epsilon) {
        return Layer::apply(x, weight, gain, offset, usual, varies, stride, relu, momentum, epsilon);
    });
}
