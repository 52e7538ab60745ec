#pragma once

#include <cli/entry.hpp>
#include <cli/options.hpp>
#include <cli/sha256.hpp>

#include <tandem/http/client_options.hpp>
#include <tandem/http/url.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::cli {

/// Makes the requests of a run out of its options, and keeps secrets at home: what authenticates goes to
/// the origin of the first entry only (F9.1).
///
/// Errors      `FetchError` (`file_read`) for an entry's own body file.
/// Threads     one at a time.
/// Lifetime    borrows the options.
class Requests {
public:
    explicit Requests(const FetchOptions& options);

    /// The URL that is asked for: with the data of `-G`.
    [[nodiscard]] http::Url url_for(const http::Url& url) const;
    [[nodiscard]] std::string method_for(const Entry& entry) const;
    /// What tells this entry from others (R2).
    [[nodiscard]] EntryId id_for(const Entry& entry, const http::Url& url, std::string_view method) const;

    /// The first entry decides where secrets belong; later calls change nothing.
    void bind_secrets(const http::Url& first);

    /// Headers, body and time limits of one try.
    [[nodiscard]] http::Options options_for(const Entry& entry, const http::Url& url,
                                            const http::Timeouts* timeouts);

    /// What `--retry-failed` needs of an entry whose body came from the options (R30).
    void note_body(const Entry& entry, RecordRequest& request) const;

    /// Warnings since the last call: origins that go without secrets.
    [[nodiscard]] std::vector<std::string> take_warnings();

    [[nodiscard]] http::ClientOptions client_options() const;

private:
    void add_header(http::Headers& headers, const HeaderOption& option) const;
    void add_secrets(http::Headers& headers, const http::Url& url);

    const FetchOptions& options_;
    std::vector<HeaderOption> plain_;
    std::vector<HeaderOption> secret_;
    std::optional<std::string> body_;
    std::string body_type_;
    std::optional<Digest> body_digest_;
    std::optional<std::string> home_;  // the origin that gets the secrets
    std::set<std::string> warned_;
    std::vector<std::string> warnings_;
    bool has_own_headers_ = false;
};

/// `-u name` without a password: asks for it on the terminal. False if there is none to ask on.
[[nodiscard]] bool complete_password(FetchOptions& options);

}  // namespace tandem::cli
