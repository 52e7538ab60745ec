// The codings one by one: zlib for gzip and deflate, brotli, zstd.
#include <tandem/http/decoder_internal.hpp>
#include <tandem/http/errors.hpp>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <new>

namespace tandem::inline v1::http {
namespace {

// What a decoder may keep to look back at: 8 MiB for zstd (RFC 9659); brotli and zlib have their own, smaller
// caps.
constexpr int max_zstd_window_log = 23;

uInt clamped(std::size_t bytes) noexcept {
    return static_cast<uInt>(std::min<std::size_t>(bytes, std::numeric_limits<uInt>::max()));
}

class ZlibDecoder : public CodingDecoder {
public:
    explicit ZlibDecoder(int window_bits) { start(window_bits); }
    ~ZlibDecoder() override { inflateEnd(&stream_); }

    Step decode(std::span<const char> in, std::span<char> out) override {
        if (!prepare(in)) return {};
        // zlib does not write to its input; its interface is older than const.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
        stream_.avail_in = clamped(in.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = clamped(out.size());
        const auto had_in = stream_.avail_in;
        const auto had_out = stream_.avail_out;
        const int result = inflate(&stream_, Z_NO_FLUSH);
        const Step step{had_in - stream_.avail_in, had_out - stream_.avail_out};
        consumed_ += step.consumed;
        if (step.consumed != 0) open_ = true;
        if (result == Z_STREAM_END) {
            open_ = false;
            ended_ = true;
        } else if (result == Z_MEM_ERROR) {
            throw std::bad_alloc();
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            refuse(stream_.msg != nullptr ? stream_.msg : "damaged data");
        }
        return step;
    }

    [[nodiscard]] bool complete() const noexcept override { return !open_; }

protected:
    /// Before each call; false if nothing can be done without more input.
    virtual bool prepare(std::span<const char> in) = 0;

    void start(int window_bits) {
        stream_ = {};
        if (inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc();
    }

    z_stream stream_{};
    bool open_ = false;   // within a member
    bool ended_ = false;  // behind the end of one
};

constexpr int gzip_window_bits = 15 + 16;

class GzipDecoder final : public ZlibDecoder {
public:
    explicit GzipDecoder(std::uint64_t max_members) : ZlibDecoder(gzip_window_bits) {
        max_members_ = max_members;
    }
    [[nodiscard]] std::string_view name() const noexcept override { return "gzip"; }

protected:
    bool prepare(std::span<const char> in) override {
        if (open_) return true;
        if (in.empty()) return false;
        if (ended_) {
            if (static_cast<unsigned char>(in.front()) != 0x1f) refuse("rubbish behind the last member");
            inflateReset(&stream_);
            ended_ = false;
        }
        count_member();
        open_ = true;
        return true;
    }
};

/// "deflate" means zlib's format; raw deflate is what some servers send instead.
class DeflateDecoder final : public ZlibDecoder {
public:
    DeflateDecoder() : ZlibDecoder(15) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "deflate"; }

protected:
    bool prepare(std::span<const char> in) override {
        if (ended_ && !in.empty()) refuse("rubbish behind the end");
        if (open_ || in.empty()) return open_;
        // A zlib header says method 8 and a window of at most 32 KiB in its first byte. Raw deflate with such
        // a first byte would be a stored block with padding bits set, which no compressor writes.
        const auto first = static_cast<unsigned char>(in.front());
        if ((first & 0x0fU) != 8 || first >> 4U > 7) {
            inflateEnd(&stream_);
            start(-15);
        }
        open_ = true;
        return true;
    }
};

class BrotliDecoder final : public CodingDecoder {
public:
    BrotliDecoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
        if (state_ == nullptr) throw std::bad_alloc();
    }
    ~BrotliDecoder() override { BrotliDecoderDestroyInstance(state_); }
    [[nodiscard]] std::string_view name() const noexcept override { return "br"; }

    Step decode(std::span<const char> in, std::span<char> out) override {
        if (ended_) {
            if (!in.empty()) refuse("rubbish behind the end");
            return {};
        }
        auto in_left = in.size();
        auto out_left = out.size();
        const auto* next_in = reinterpret_cast<const std::uint8_t*>(in.data());
        auto* next_out = reinterpret_cast<std::uint8_t*>(out.data());
        const auto result =
            BrotliDecoderDecompressStream(state_, &in_left, &next_in, &out_left, &next_out, nullptr);
        const Step step{in.size() - in_left, out.size() - out_left};
        consumed_ += step.consumed;
        if (step.consumed != 0) started_ = true;
        if (result == BROTLI_DECODER_RESULT_SUCCESS) ended_ = true;
        if (result == BROTLI_DECODER_RESULT_ERROR)
            refuse(BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state_)));
        return step;
    }

    [[nodiscard]] bool complete() const noexcept override { return ended_ || !started_; }

private:
    BrotliDecoderState* state_;
    bool started_ = false;
    bool ended_ = false;
};

class ZstdDecoder final : public CodingDecoder {
public:
    explicit ZstdDecoder(std::uint64_t max_members) : stream_(ZSTD_createDStream()) {
        if (stream_ == nullptr) throw std::bad_alloc();
        ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, max_zstd_window_log);
        max_members_ = max_members;
    }
    ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }
    [[nodiscard]] std::string_view name() const noexcept override { return "zstd"; }

    Step decode(std::span<const char> in, std::span<char> out) override {
        if (!open_) {
            if (in.empty()) return {};
            count_member();
            open_ = true;
        }
        ZSTD_inBuffer input{in.data(), in.size(), 0};
        ZSTD_outBuffer output{out.data(), out.size(), 0};
        const auto result = ZSTD_decompressStream(stream_, &output, &input);
        consumed_ += input.pos;
        if (ZSTD_isError(result) != 0) refuse(ZSTD_getErrorName(result));
        if (result == 0) open_ = false;
        return {input.pos, output.pos};
    }

    [[nodiscard]] bool complete() const noexcept override { return !open_; }

private:
    ZSTD_DStream* stream_;
    bool open_ = false;  // within a frame
};

}  // namespace

void CodingDecoder::refuse(std::string_view reason) const { throw BadEncoding(name(), consumed_, reason); }

void CodingDecoder::count_member() {
    if (++members_ > max_members_)
        throw LimitExceeded("members of the body's coding", "DecodeLimits::max_members", max_members_,
                            members_, "");
}

std::unique_ptr<CodingDecoder> make_gzip_decoder(std::uint64_t max_members) {
    return std::make_unique<GzipDecoder>(max_members);
}
std::unique_ptr<CodingDecoder> make_deflate_decoder() { return std::make_unique<DeflateDecoder>(); }
std::unique_ptr<CodingDecoder> make_brotli_decoder() { return std::make_unique<BrotliDecoder>(); }
std::unique_ptr<CodingDecoder> make_zstd_decoder(std::uint64_t max_members) {
    return std::make_unique<ZstdDecoder>(max_members);
}

}  // namespace tandem::inline v1::http
