// Reads scenarios and prints what tandem makes of them: `=== <head>`, then the trace.
#include "scenario.hpp"
#include "world.hpp"

#include <exception>
#include <iostream>

int main() {
    using namespace tandem::differential;
    std::ios::sync_with_stdio(false);
    try {
        ScenarioReader reader(std::cin);
        while (const auto scenario = reader.next()) {
            std::cout << "=== " << join_words(scenario->head, " ") << std::endl;  // seen even if it crashes
            World world(*scenario);
            for (const auto& line : world.run()) std::cout << line << '\n';
        }
    } catch (const std::exception& error) {
        std::cerr << "tandem_side: " << error.what() << '\n';
        return 1;
    }
}
