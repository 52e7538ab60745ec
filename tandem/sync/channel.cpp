#include <tandem/sync/channel.hpp>

namespace tandem::inline v1 {

void throw_channel_closed(bool own_end) {
    throw ChannelClosed(own_end ? "this end of the channel is closed: use another one, or make a new channel"
                                : "nothing can be sent: the last receiver of the channel is gone");
}

}  // namespace tandem::inline v1
