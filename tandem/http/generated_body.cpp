#include <tandem/http/generated_body.hpp>

#include <algorithm>
#include <utility>

namespace tandem::inline v1::http {
namespace {

class GeneratedBody final : public BodySource {
public:
    explicit GeneratedBody(AsyncGenerator<std::string> pieces) : pieces_(std::move(pieces)) {}

    Task<std::size_t> read_some(MutableBytes buffer) override {
        if (buffer.empty()) co_return std::size_t{0};
        while (given_ == piece_.size()) {
            auto next = co_await pieces_.next();
            if (!next) co_return std::size_t{0};
            piece_ = std::move(*next);
            given_ = 0;
        }
        const auto count = piece_.copy(buffer.data(), buffer.size(), given_);
        given_ += count;
        co_return count;
    }

private:
    AsyncGenerator<std::string> pieces_;
    std::string piece_;
    std::size_t given_ = 0;  // of piece_
};

}  // namespace

std::unique_ptr<BodySource> generated_body(AsyncGenerator<std::string> pieces) {
    return std::make_unique<GeneratedBody>(std::move(pieces));
}

}  // namespace tandem::inline v1::http
