#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tandem::inline v1::http {

/// One coding, taken off while the bytes stream. The caps are held by its owner.
class CodingDecoder {
public:
    struct Step {
        std::size_t consumed = 0;
        std::size_t produced = 0;
    };

    CodingDecoder() = default;
    CodingDecoder(const CodingDecoder&) = delete;
    CodingDecoder& operator=(const CodingDecoder&) = delete;
    virtual ~CodingDecoder() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Takes from `in`, writes to `out`; throws `BadEncoding`. Taking and writing nothing means it needs more
    /// input, or more room.
    virtual Step decode(std::span<const char> in, std::span<char> out) = 0;
    /// Whether the bytes so far could be all: no member is open.
    [[nodiscard]] virtual bool complete() const noexcept = 0;

    [[nodiscard]] std::uint64_t consumed() const noexcept { return consumed_; }

protected:
    [[noreturn]] void refuse(std::string_view reason) const;
    void count_member();

    std::uint64_t consumed_ = 0;
    std::uint64_t members_ = 0;
    std::uint64_t max_members_ = 0;
};

std::unique_ptr<CodingDecoder> make_gzip_decoder(std::uint64_t max_members);
std::unique_ptr<CodingDecoder> make_deflate_decoder();
std::unique_ptr<CodingDecoder> make_brotli_decoder();
std::unique_ptr<CodingDecoder> make_zstd_decoder(std::uint64_t max_members);

}  // namespace tandem::inline v1::http
