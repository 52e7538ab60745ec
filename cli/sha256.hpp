#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tandem::cli {

using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 of bytes that come in pieces.
///
/// Errors      `std::runtime_error` if the library refuses, which no input can cause.
/// Threads     one at a time.
/// Lifetime    keeps no view of what it was given.
class Sha256 {
public:
    Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    ~Sha256();

    void add(std::string_view bytes);

    /// The digest of everything added; ends the object's life but for assignment.
    [[nodiscard]] Digest finish();

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

[[nodiscard]] Digest sha256(std::string_view bytes);

/// Two lower-case hex digits per byte.
[[nodiscard]] std::string hex(const std::uint8_t* bytes, std::size_t count);
[[nodiscard]] std::string hex(const Digest& digest);

/// What tells one entry from another, in every run (R2).
struct EntryId {
    std::array<std::uint8_t, 16> bytes{};

    [[nodiscard]] std::string text() const;        ///< 32 hex digits
    [[nodiscard]] std::string short_text() const;  ///< the first 8 of them, for part files
    bool operator==(const EntryId&) const = default;
};

/// SHA-256 over method, canonical URL, the digest of the body (absent: no body) and the output that was
/// asked for explicitly; the lengths go in too, so that no two different entries run together.
[[nodiscard]] EntryId entry_id(std::string_view method, std::string_view canonical_url, const Digest* body,
                               std::string_view explicit_output);

/// The id from its 32 hex digits; all zero if it is none.
[[nodiscard]] EntryId entry_id_from(std::string_view text) noexcept;

}  // namespace tandem::cli

template <>
struct std::hash<tandem::cli::EntryId> {
    std::size_t operator()(const tandem::cli::EntryId& id) const noexcept;
};
