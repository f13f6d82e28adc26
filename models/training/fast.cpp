// Convolution, batch normalisation and ReLU of one layer as one step, for CPU cores: see fast.py.
//
// Values between layers are bfloat16, channels last; sums are float. Vectors run over channels, so
// every number of channels is a multiple of eight.

#include <torch/extension.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using torch::Tensor;
using Half = std::uint16_t;  // the upper half of a float: bfloat16

// N floats at once; GCC converts no vectors whose size a template tells.
#define LANES(NAME, N)                                                                            \
    struct NAME {                                                                                 \
        static constexpr int COUNT = N;                                                           \
        typedef float Floats __attribute__((vector_size(4 * N)));                                 \
        typedef std::uint32_t Words __attribute__((vector_size(4 * N)));                          \
        typedef Half Halves __attribute__((vector_size(2 * N)));                                  \
        static Floats read(const Half* at) {                                                      \
            Halves halves;                                                                        \
            std::memcpy(&halves, at, sizeof halves);                                              \
            return (Floats)(__builtin_convertvector(halves, Words) << 16);                        \
        }                                                                                         \
        static Floats read(const float* at) {                                                     \
            Floats floats;                                                                        \
            std::memcpy(&floats, at, sizeof floats);                                              \
            return floats;                                                                        \
        }                                                                                         \
        static void write(Half* at, Floats floats) { /* to the nearest, ties to even */           \
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
    for (; c + 16 <= channels; c += 16) step(c, Sixteen());
    for (; c + 8 <= channels; c += 8) step(c, Eight());
}

Half* halves(const Tensor& t) { return reinterpret_cast<Half*>(t.data_ptr<at::BFloat16>()); }

// (n, c, h, w) channels last -> the same memory as (n, h, w, c).
Tensor rows_of(const Tensor& t) {
    return t.to(torch::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast).permute({0, 2, 3, 1});
}
Tensor picture_of(const Tensor& rows) { return rows.permute({0, 3, 1, 2}); }

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
    void lay_out(L, const Half* from, std::int64_t rows, std::int64_t columns, int apart) {
        constexpr int N = L::COUNT;
        const std::int64_t width = w + 2 * PAD;
        std::fill(tile.begin(), tile.begin() + (h + 2 * PAD) * width * N, 0.0f);
        for (std::int64_t y = 0; y < rows; ++y)
            for (std::int64_t x = 0; x < columns; ++x)
                L::write(&tile[((y * apart + PAD) * width + x * apart + PAD) * N],
                         L::read(from + (y * columns + x) * c));
    }

    template <typename L>
    void correlate(L, const float* weights, bool flipped, Half* to, std::int64_t rows,
                   std::int64_t columns, std::int64_t by) {
        using Floats = typename L::Floats;
        constexpr int N = L::COUNT;
        const std::int64_t width = w + 2 * PAD;
        Floats kernel[K * K];
        for (int k = 0; k < K * K; ++k) kernel[flipped ? K * K - 1 - k : k] = L::read(weights + k * c);
        for (std::int64_t y = 0; y < rows; ++y)
            for (std::int64_t x = 0; x < columns; ++x) {
                Floats sum = {};
#pragma GCC unroll 5
                for (int ky = 0; ky < K; ++ky) {
                    const float* line = &tile[((y * by + ky) * width + x * by) * N];
#pragma GCC unroll 5
                    for (int kx = 0; kx < K; ++kx) sum += kernel[ky * K + kx] * L::read(line + kx * N);
                }
                L::write(to + (y * columns + x) * c, sum);
            }
    }

    template <typename L>
    void gather(L, const Half* gradient, float* sums) {
        using Floats = typename L::Floats;
        constexpr int N = L::COUNT;
        const std::int64_t width = w + 2 * PAD;
        Floats sum[K * K] = {};
        for (std::int64_t y = 0; y < oh; ++y)
            for (std::int64_t x = 0; x < ow; ++x) {
                const Floats g = L::read(gradient + (y * ow + x) * c);
#pragma GCC unroll 5
                for (int ky = 0; ky < K; ++ky) {
                    const float* line = &tile[((y * stride + ky) * width + x * stride) * N];
#pragma GCC unroll 5
                    for (int kx = 0; kx < K; ++kx) sum[ky * K + kx] += g * L::read(line + kx * N);
                }
            }
        for (int k = 0; k < K * K; ++k) L::write(sums + k * c, L::read(sums + k * c) + sum[k]);
    }
};

Tensor by_tap(const Tensor& weight) { return weight.flatten(1).t().contiguous(); }  // (25, c)

Tensor depthwise(const Tensor& x, const Tensor& weight, std::int64_t stride) {
    Depthwise d(x, stride);
    Tensor taps = by_tap(weight), out = torch::empty({d.n, d.oh, d.ow, d.c}, x.options());
    const float* of = taps.data_ptr<float>();
    const Half* from = halves(x);
    Half* to = halves(out);
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
    const Half *from = halves(x), *g = halves(gradient);
    Half* to = halves(dx);
    for (std::int64_t i = 0; i < d.n; ++i)
        over_channels(d.c, [&](std::int64_t c, auto lanes) {
            const Half* mine = g + i * d.oh * d.ow * d.c + c;
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
        Half* to = halves(matrix);
        const Half* from = halves(x);
        over_lines([&](auto in_matrix, auto in_picture, auto length) {
            std::memcpy(to + in_matrix, from + in_picture, sizeof(Half) * length);
        });
        return matrix;
    }

    Tensor added_up(const Tensor& matrix) const {
        Tensor sum = torch::zeros({n, h, w, c}, torch::kFloat32);
        float* to = sum.data_ptr<float>();
        const Half* from = halves(matrix);
        over_lines([&](auto in_matrix, auto in_picture, auto length) {
            for (std::int64_t j = 0; j < length; j += 8)
                Eight::write(to + in_picture + j, Eight::read(to + in_picture + j) +
                                                      Eight::read(from + in_matrix + j));
        });
        return sum;
    }
};

Tensor as_matrix(const Tensor& weight) {  // (channels out, side * side * channels in)
    return weight.permute({0, 2, 3, 1}).flatten(1).to(torch::kBFloat16);
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
            z = at::linear(in, weight.flatten(1).to(torch::kBFloat16));
        } else {
            const Squares squares(in, weight.size(2), stride);
            z = at::linear(squares.laid_out(in), as_matrix(weight))
                    .reshape({squares.n, squares.oh, squares.ow, weight.size(0)});
        }
        const std::int64_t channels = z.size(3), rows = z.numel() / channels;
        const Half* from = halves(z);
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
        Half* to = halves(out);
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
        const Half *from = halves(z), *g = halves(gradient);
        const float *mu = mean.data_ptr<float>(), *over = spread.data_ptr<float>(),
                    *by = scale.data_ptr<float>(), *plus = shift.data_ptr<float>();
        auto passed = [&](auto at, auto c, auto lanes, const auto& v) {
            using L = decltype(lanes);
            auto d = L::read(g + at);
            const typename L::Floats nothing = {};
            if (relu) d = v * L::read(by + c) + L::read(plus + c) > nothing ? d : nothing;
            return d;
        };
        auto [sum, product] = sums(rows, channels, [&](auto at, auto c, auto lanes, auto& a, auto& b) {
            using L = decltype(lanes);
            const auto v = L::read(from + at);
            const auto d = passed(at, c, lanes, v);
            a += d;
            b += d * (v - L::read(mu + c)) * L::read(over + c);
        });
        Tensor offset = sum.to(torch::kFloat32), gain = product.to(torch::kFloat32);
        Tensor mean_d = offset / static_cast<double>(rows), mean_p = gain / static_cast<double>(rows);
        const float *md = mean_d.data_ptr<float>(), *mp = mean_p.data_ptr<float>();
        Tensor dz = torch::empty_like(z);
        Half* to = halves(dz);
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
            dx = picture_of(at::mm(flat, weight.flatten(1).to(torch::kBFloat16)).reshape(in.sizes()));
            dweight = at::mm(flat.t(), of).to(torch::kFloat32).reshape(weight.sizes());
        } else {
            const Squares squares(in, weight.size(2), stride);
            Tensor flat = dz.reshape({rows, channels});
            dweight = at::mm(flat.t(), squares.laid_out(in))
                          .to(torch::kFloat32)
                          .reshape({channels, weight.size(2), weight.size(3), in.size(3)})
                          .permute({0, 3, 1, 2})
                          .contiguous();
            if (context->saved_data["wanted"].toBool())
                dx = picture_of(squares.added_up(at::mm(flat, as_matrix(weight))));
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
