#pragma once

#include <string>
#include <string_view>

namespace tandem::cli {

inline constexpr std::size_t max_component_bytes = 255;  // NAME_MAX of every Linux file system that matters

/// A value from a peer, made fit to be part of one component of a path (http X61): separators, controls,
/// bidirectional overrides and bytes that are no UTF-8 become `_`. Never adds a directory. What a
/// component may not begin or end with is left to `finish_component`, which sees all of it.
[[nodiscard]] std::string cleaned_value(std::string_view decoded);

enum class BeginsWith { peer_bytes, user_bytes };

/// The last touches to a whole component: no leading dot or dash (unless the user's own template put it
/// there), no trailing dot or space, no device name of other systems, never `.` or `..`, never empty, at
/// most 255 bytes: what is longer is cut and gets `~` and 8 hex digits, the extension kept.
[[nodiscard]] std::string finish_component(std::string_view component, BeginsWith beginning);

/// `name` with at most `max_bytes`: cut between characters, `~` and 8 hex digits of its hash behind, then
/// its extension. As it is if it fits.
[[nodiscard]] std::string cut_component(std::string_view name, std::size_t max_bytes);

/// A file name that a peer suggests: its last segment only, cleaned and finished; empty if nothing is left.
[[nodiscard]] std::string cleaned_file_name(std::string_view suggested);

/// Where the extension of a last segment begins (at its dot); its size if it has none. An extension is
/// short, of letters and digits, and never the whole name.
[[nodiscard]] std::size_t extension_at(std::string_view segment) noexcept;

}  // namespace tandem::cli
