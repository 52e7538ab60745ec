#include <cli/sha256.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace tandem::cli {
namespace {

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

void require(int result) {
    if (result != 1) throw std::runtime_error("sha-256: the crypto library refused");
}

int nibble(char letter) noexcept {
    if (letter >= '0' && letter <= '9') return letter - '0';
    if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
    return -1;
}

}  // namespace

struct Sha256::Context {
    std::unique_ptr<EVP_MD_CTX, FreeContext> evp{EVP_MD_CTX_new()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
    if (!context_->evp) throw std::bad_alloc();
    require(EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr));
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
    require(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()));
}

Digest Sha256::finish() {
    Digest digest{};
    require(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), nullptr));
    return digest;
}

Digest sha256(std::string_view bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.finish();
}

std::string hex(const std::uint8_t* bytes, std::size_t count) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * count);
    for (std::size_t i = 0; i < count; ++i) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

std::string hex(const Digest& digest) { return hex(digest.data(), digest.size()); }

std::string EntryId::text() const { return hex(bytes.data(), bytes.size()); }
std::string EntryId::short_text() const { return hex(bytes.data(), 4); }

EntryId entry_id(std::string_view method, std::string_view canonical_url, const Digest* body,
                 std::string_view explicit_output) {
    const auto body_text = body == nullptr ? std::string() : hex(*body);
    Sha256 hash;
    for (const std::string_view field :
         {method, canonical_url, std::string_view(body_text), explicit_output}) {
        hash.add(std::to_string(field.size()) + ":");
        hash.add(field);
    }
    const auto digest = hash.finish();
    EntryId id;
    std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
    return id;
}

EntryId entry_id_from(std::string_view text) noexcept {
    EntryId id;
    if (text.size() != 2 * id.bytes.size()) return {};
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        const int high = nibble(text[2 * i]);
        const int low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) return {};
        id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return id;
}

}  // namespace tandem::cli

std::size_t std::hash<tandem::cli::EntryId>::operator()(const tandem::cli::EntryId& id) const noexcept {
    std::size_t value = 0;  // a digest is as random as any hash of it
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
}
