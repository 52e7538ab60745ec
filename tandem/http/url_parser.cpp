// The basic URL parser of the WHATWG URL Standard, state by state (https://url.spec.whatwg.org/#url-parsing).
#include <tandem/http/h1_tables_internal.hpp>
#include <tandem/http/url_internal.hpp>

#include <algorithm>

namespace tandem::inline v1::http {
namespace urls {

bool is_special(std::string_view scheme) noexcept {
    return scheme == "http" || scheme == "https" || scheme == "ws" || scheme == "wss" || scheme == "ftp" ||
           scheme == "file";
}

std::optional<std::uint16_t> default_port(std::string_view scheme) noexcept {
    if (scheme == "http" || scheme == "ws") return std::uint16_t{80};
    if (scheme == "https" || scheme == "wss") return std::uint16_t{443};
    if (scheme == "ftp") return std::uint16_t{21};
    return std::nullopt;
}

bool is_windows_drive_letter(std::string_view text) noexcept {
    return text.size() == 2 && octets::is(text[0], octets::alpha) && (text[1] == ':' || text[1] == '|');
}

}  // namespace urls

namespace {

using State = UrlState;

constexpr int end_of_input = -1;

bool is_single_dot(std::string_view segment) noexcept {
    return segment == "." || segment == "%2e" || segment == "%2E";
}

bool is_double_dot(std::string_view segment) noexcept {
    if (segment.size() < 2 || segment.size() > 6) return false;
    const auto first = segment.starts_with('.') ? 1U : 3U;
    return is_single_dot(segment.substr(0, first)) && segment.size() > first &&
           is_single_dot(segment.substr(first));
}

bool starts_with_windows_drive_letter(std::string_view text) noexcept {
    return text.size() >= 2 && urls::is_windows_drive_letter(text.substr(0, 2)) &&
           (text.size() == 2 || std::string_view("/\\?#").find(text[2]) != std::string_view::npos);
}

/// "/C:" at the beginning of a path, or nothing.
std::string_view drive_letter_of(std::string_view path) noexcept {
    if (path.size() < 3 || path[2] != ':' || !octets::is(path[1], octets::alpha)) return {};
    return path.size() == 3 || path[3] == '/' ? path.substr(0, 3) : std::string_view();
}

class Machine {
public:
    Machine(std::string_view input, const UrlRecord* base, UrlRecord& url, std::optional<State> override)
        : input_(input),
          base_(base),
          url_(url),
          override_(override.has_value()),
          only_hostname_(override == State::hostname),
          state_(override.value_or(State::scheme_start)) {}

    std::optional<UrlFailure> run() {
        for (;; ++at_) {
            const int c = at_ < input_.size() ? static_cast<unsigned char>(input_[at_]) : end_of_input;
            const auto next = step(c);
            if (next == Next::fail) return UrlFailure{std::min(at_, input_.size()), reason_};
            if (next == Next::stop ||
                (c == end_of_input && next == Next::go && at_ >= input_.size() && at_ != back_))
                return std::nullopt;
        }
    }

private:
    enum class Next : std::uint8_t { go, stop, fail };
    static constexpr auto back_ = static_cast<std::size_t>(-1);  // one before the first byte

    Next step(int c) {
        switch (state_) {
            case State::scheme_start:
                return scheme_start(c);
            case State::scheme:
                return scheme(c);
            case State::no_scheme:
                return no_scheme(c);
            case State::special_relative_or_authority:
                if (c == '/' && next_is("/")) return skip_to(State::special_authority_ignore_slashes);
                return again_in(State::relative);
            case State::path_or_authority:
                if (c == '/') return go_to(State::authority);
                return again_in(State::path);
            case State::relative:
                return relative(c);
            case State::relative_slash:
                return relative_slash(c);
            case State::special_authority_slashes:
                if (c == '/' && next_is("/")) return skip_to(State::special_authority_ignore_slashes);
                return again_in(State::special_authority_ignore_slashes);
            case State::special_authority_ignore_slashes:
                if (c == '/' || c == '\\') return Next::go;
                return again_in(State::authority);
            case State::authority:
                return authority(c);
            case State::host:
            case State::hostname:
                return host(c);
            case State::port:
                return port(c);
            case State::file:
                return file(c);
            case State::file_slash:
                return file_slash(c);
            case State::file_host:
                return file_host(c);
            case State::path_start:
                return path_start(c);
            case State::path:
                return path(c);
            case State::opaque_path:
                return opaque_path(c);
            case State::query:
                return query(c);
            case State::fragment:
                if (c != end_of_input) encode(*url_.fragment, c, urls::fragment_set);
                return Next::go;
        }
        return Next::fail;
    }

    Next go_to(State state) {
        state_ = state;
        return Next::go;
    }
    /// The same byte once more, in another state.
    Next again_in(State state) {
        state_ = state;
        --at_;
        return Next::go;
    }
    /// One byte more than this is done with.
    Next skip_to(State state) {
        state_ = state;
        ++at_;
        return Next::go;
    }
    Next fail(std::string_view reason) {
        reason_ = reason;
        return Next::fail;
    }
    [[nodiscard]] std::string_view rest() const { return input_.substr(std::min(at_ + 1, input_.size())); }
    [[nodiscard]] bool next_is(std::string_view text) const { return rest().starts_with(text); }
    [[nodiscard]] bool special() const { return urls::is_special(url_.scheme); }
    [[nodiscard]] bool is_slash(int c) const { return c == '/' || (c == '\\' && special()); }
    static void encode(std::string& out, int c, urls::EncodeSet set) {
        const auto byte = static_cast<char>(c);
        urls::append_encoded(out, std::string_view(&byte, 1), set);
    }
    void begin_query() {
        url_.query.emplace();
        state_ = State::query;
    }
    void begin_fragment() {
        url_.fragment.emplace();
        state_ = State::fragment;
    }
    void shorten_path() {
        if (url_.scheme == "file" && url_.path.size() == 3 && !drive_letter_of(url_.path).empty()) return;
        if (const auto slash = url_.path.rfind('/'); slash != std::string::npos) url_.path.resize(slash);
    }
    void take_authority_of_base() {
        url_.username = base_->username;
        url_.password = base_->password;
        url_.host = base_->host;
        url_.host_kind = base_->host_kind;
        url_.port = base_->port;
    }

    Next scheme_start(int c) {
        if (c != end_of_input && octets::is(static_cast<char>(c), octets::alpha)) {
            buffer_ += octets::lower(static_cast<char>(c));
            return go_to(State::scheme);
        }
        if (override_) return fail("a scheme begins with a letter");
        return again_in(State::no_scheme);
    }

    Next scheme(int c) {
        const auto byte = static_cast<char>(c);
        if (c != end_of_input && (octets::is(byte, octets::alpha) || octets::is(byte, octets::digit) ||
                                  c == '+' || c == '-' || c == '.')) {
            buffer_ += octets::lower(byte);
            return Next::go;
        }
        if (c != ':') {
            if (override_) return fail("this byte may not stand in a scheme");
            buffer_.clear();
            state_ = State::no_scheme;
            at_ = back_;
            return Next::go;
        }
        if (override_) {
            if (special() != urls::is_special(buffer_)) return Next::stop;
            if ((url_.has_credentials() || url_.port) && buffer_ == "file") return Next::stop;
            if (url_.scheme == "file" && (!url_.host || url_.host->empty())) return Next::stop;
        }
        url_.scheme = buffer_;
        if (override_) {
            if (url_.port == urls::default_port(url_.scheme)) url_.port.reset();
            return Next::stop;
        }
        buffer_.clear();
        if (url_.scheme == "file") return go_to(State::file);
        if (special() && base_ != nullptr && base_->scheme == url_.scheme)
            return go_to(State::special_relative_or_authority);
        if (special()) return go_to(State::special_authority_slashes);
        if (next_is("/")) return skip_to(State::path_or_authority);
        url_.opaque_path = true;
        return go_to(State::opaque_path);
    }

    Next no_scheme(int c) {
        if (base_ == nullptr) return fail("there is no scheme, and no base to be relative to");
        if (base_->opaque_path) {
            if (c != '#') return fail("it is relative, and the base has no path to join it to");
            url_ = *base_;
            begin_fragment();
            return Next::go;
        }
        return again_in(base_->scheme == "file" ? State::file : State::relative);
    }

    Next relative(int c) {
        url_.scheme = base_->scheme;
        if (is_slash(c)) return go_to(State::relative_slash);
        take_authority_of_base();
        url_.path = base_->path;
        url_.query = base_->query;
        return after_base_path(c);
    }

    /// What follows in a relative URL whose path is the base's so far.
    Next after_base_path(int c) {
        if (c == '?') {
            begin_query();
        } else if (c == '#') {
            begin_fragment();
        } else if (c != end_of_input) {
            url_.query.reset();
            if (url_.scheme == "file" && starts_with_windows_drive_letter(input_.substr(at_))) {
                url_.path.clear();
            } else {
                shorten_path();
            }
            return again_in(State::path);
        }
        return Next::go;
    }

    Next relative_slash(int c) {
        if (special() && (c == '/' || c == '\\')) return go_to(State::special_authority_ignore_slashes);
        if (c == '/') return go_to(State::authority);
        take_authority_of_base();
        return again_in(State::path);
    }

    Next authority(int c) {
        if (c == '@') {
            if (at_sign_seen_) buffer_.insert(0, "%40");
            at_sign_seen_ = true;
            for (const char byte : buffer_) {
                if (byte == ':' && !password_seen_) {
                    password_seen_ = true;
                    continue;
                }
                encode(password_seen_ ? url_.password : url_.username, static_cast<unsigned char>(byte),
                       urls::userinfo_set);
            }
            buffer_.clear();
            return Next::go;
        }
        if (c == end_of_input || c == '?' || c == '#' || is_slash(c)) {
            if (at_sign_seen_ && buffer_.empty()) return fail("there is no host behind the @");
            at_ -= buffer_.size() + 1;
            buffer_.clear();
            return go_to(State::host);
        }
        buffer_ += static_cast<char>(c);
        return Next::go;
    }

    bool take_host(bool special_host) {
        auto parsed = parse_host(buffer_, special_host, reason_);
        if (!parsed) {
            at_ -= buffer_.size();
            return false;
        }
        url_.host = std::move(parsed->text);
        url_.host_kind = parsed->kind;
        return true;
    }

    Next host(int c) {
        if (override_ && url_.scheme == "file") return again_in(State::file_host);
        if (c == ':' && !inside_brackets_) {
            if (buffer_.empty()) return fail("the host is empty");
            if (only_hostname_) return fail("a host name has no port");
            if (!take_host(special())) return Next::fail;
            buffer_.clear();
            return go_to(State::port);
        }
        if (c == end_of_input || c == '?' || c == '#' || is_slash(c)) {
            if (special() && buffer_.empty()) return fail("the host is empty");
            if (override_ && buffer_.empty() && (url_.has_credentials() || url_.port))
                return fail("the host is empty");
            if (!take_host(special())) return Next::fail;
            if (override_) return Next::stop;
            buffer_.clear();
            return again_in(State::path_start);
        }
        if (c == '[') inside_brackets_ = true;
        if (c == ']') inside_brackets_ = false;
        buffer_ += static_cast<char>(c);
        return Next::go;
    }

    Next port(int c) {
        if (c != end_of_input && octets::is(static_cast<char>(c), octets::digit)) {
            buffer_ += static_cast<char>(c);
            return Next::go;
        }
        if (!(c == end_of_input || c == '?' || c == '#' || is_slash(c) || override_))
            return fail("a port has digits only");
        if (!buffer_.empty()) {
            unsigned value = 0;
            for (const char digit : buffer_) {
                value = value * 10 + octets::hex_value(digit);
                if (value > 65535) return fail("the port is above 65535");
            }
            const auto number = static_cast<std::uint16_t>(value);
            url_.port = number;
            if (url_.port == urls::default_port(url_.scheme)) url_.port.reset();
            buffer_.clear();
            if (override_) return Next::stop;
        }
        if (override_) return fail("a port has digits only");
        return again_in(State::path_start);
    }

    Next file(int c) {
        url_.scheme = "file";
        url_.host = "";
        url_.host_kind = HostKind::empty;
        if (c == '/' || c == '\\') return go_to(State::file_slash);
        if (base_ == nullptr || base_->scheme != "file") return again_in(State::path);
        url_.host = base_->host;
        url_.host_kind = base_->host_kind;
        url_.path = base_->path;
        url_.query = base_->query;
        return after_base_path(c);
    }

    Next file_slash(int c) {
        if (c == '/' || c == '\\') return go_to(State::file_host);
        if (base_ != nullptr && base_->scheme == "file") {
            url_.host = base_->host;
            url_.host_kind = base_->host_kind;
            const auto here = input_.substr(std::min(at_, input_.size()));
            if (!starts_with_windows_drive_letter(here)) url_.path += drive_letter_of(base_->path);
        }
        return again_in(State::path);
    }

    Next file_host(int c) {
        if (!(c == end_of_input || c == '/' || c == '\\' || c == '?' || c == '#')) {
            buffer_ += static_cast<char>(c);
            return Next::go;
        }
        if (!override_ && urls::is_windows_drive_letter(buffer_)) return again_in(State::path);
        if (buffer_.empty()) {
            url_.host = "";
            url_.host_kind = HostKind::empty;
        } else {
            if (!take_host(special())) return Next::fail;
            if (url_.host == "localhost") {
                url_.host = "";
                url_.host_kind = HostKind::empty;
            }
        }
        if (override_) return Next::stop;
        buffer_.clear();
        return again_in(State::path_start);
    }

    Next path_start(int c) {
        if (special()) {
            if (c == '/' || c == '\\') return go_to(State::path);
            return again_in(State::path);
        }
        if (!override_ && c == '?') {
            begin_query();
        } else if (!override_ && c == '#') {
            begin_fragment();
        } else if (c != end_of_input) {
            if (c == '/') return go_to(State::path);
            return again_in(State::path);
        } else if (override_ && !url_.host) {
            url_.path += '/';
        }
        return Next::go;
    }

    Next path(int c) {
        const bool ends = c == end_of_input || is_slash(c) || (!override_ && (c == '?' || c == '#'));
        if (!ends) {
            encode(buffer_, c, urls::path_set);
            return Next::go;
        }
        if (is_double_dot(buffer_)) {
            shorten_path();
            if (!is_slash(c)) url_.path += '/';
        } else if (is_single_dot(buffer_)) {
            if (!is_slash(c)) url_.path += '/';
        } else {
            if (url_.scheme == "file" && url_.path.empty() && urls::is_windows_drive_letter(buffer_))
                buffer_[1] = ':';
            url_.path += '/';
            url_.path += buffer_;
        }
        buffer_.clear();
        if (c == '?') begin_query();
        if (c == '#') begin_fragment();
        return Next::go;
    }

    Next opaque_path(int c) {
        if (c == '?') {
            begin_query();
        } else if (c == '#') {
            begin_fragment();
        } else if (c == ' ') {
            url_.path += next_is("?") || next_is("#") ? "%20" : " ";
        } else if (c != end_of_input) {
            encode(url_.path, c, urls::c0_control_set);
        }
        return Next::go;
    }

    Next query(int c) {
        if (!override_ && c == '#') {
            begin_fragment();
        } else if (c != end_of_input) {
            encode(*url_.query, c, special() ? urls::special_query_set : urls::query_set);
        }
        return Next::go;
    }

    std::string_view input_;
    const UrlRecord* base_;
    UrlRecord& url_;
    bool override_;
    bool only_hostname_;
    State state_;
    std::size_t at_ = 0;  // the byte looked at; input_.size() stands for the end
    std::string buffer_;
    bool at_sign_seen_ = false;
    bool inside_brackets_ = false;
    bool password_seen_ = false;
    std::string_view reason_;
};

bool is_tab_or_newline(char byte) noexcept { return byte == '\t' || byte == '\n' || byte == '\r'; }

/// Where the byte `at` of the cleaned input stood in `text`.
std::size_t original_position(std::string_view text, std::size_t trimmed, std::size_t at) noexcept {
    auto position = trimmed;
    for (; position < text.size(); ++position) {
        if (is_tab_or_newline(text[position])) continue;
        if (at-- == 0) break;
    }
    return position;
}

}  // namespace

std::optional<UrlFailure> parse_url(std::string_view text, const UrlRecord* base, UrlRecord& url,
                                    std::optional<UrlState> override) {
    auto input = urls::to_scalar_values(text);
    std::size_t trimmed = 0;
    if (!override) {
        const auto keep = [](char byte) { return static_cast<unsigned char>(byte) > 0x20; };
        const auto first = std::find_if(input.begin(), input.end(), keep);
        trimmed = static_cast<std::size_t>(first - input.begin());
        input.erase(input.begin(), first);
        input.erase(std::find_if(input.rbegin(), input.rend(), keep).base(), input.end());
    }
    std::erase_if(input, is_tab_or_newline);
    auto failure = Machine(input, base, url, override).run();
    if (failure) failure->at = original_position(text, trimmed, failure->at);
    return failure;
}

}  // namespace tandem::inline v1::http
