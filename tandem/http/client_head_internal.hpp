#pragma once

#include <tandem/http/client_options.hpp>
#include <tandem/http/h1_writer.hpp>
#include <tandem/http/headers.hpp>
#include <tandem/http/pool_internal.hpp>
#include <tandem/http/url.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1::http {

/// "Basic dXNlcjpwYXNz" of a URL's user and password.
[[nodiscard]] std::string basic_credentials(std::string_view user, std::string_view password);

/// Whose fields go with a request: a redirect to another origin leaves the user's behind (H65).
enum class UserFields : std::uint8_t { all, any_origin_only };

/// What differs between one request's head and the next.
struct HeadParts {
    std::string_view method;
    const Url* url = nullptr;
    const Origin* origin = nullptr;
    const Headers* headers = nullptr;     // of the request
    std::string_view authorization = {};  // made of the URL's user and password
    UserFields user_fields = UserFields::all;
    BodyFraming framing;
    bool decompress = true;
};

/// Writes request heads; what is the same for all of a client's requests is put together once.
class HeadWriter {
public:
    explicit HeadWriter(const ClientOptions& options);
    /// Appends the head. Errors: `InvalidHeader` (H14), `InvalidRequest`, with nothing appended.
    void write(std::string& out, const HeadParts& parts) const;
    /// Whether these fields ask for the end of the connection.
    [[nodiscard]] bool asks_to_close(const HeadParts& parts) const;

private:
    void write_fields(std::string& out, const HeadParts& parts) const;
    [[nodiscard]] bool may_go(std::string_view name, const HeadParts& parts) const;

    Headers defaults_;
    std::string user_agent_;
    std::vector<std::string> any_origin_;
    bool decompress_;
    bool has_host_ = false;
    bool closes_ = false;
    std::string usual_tail_;  // the fields of a request without any of its own
};

}  // namespace tandem::inline v1::http
