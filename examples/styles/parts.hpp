// The parts of styles.cpp that have a file of their own.
#pragma once

#include <tandem/testing/demo_site.hpp>

void in_trios_style(const tandem::testing::DemoServer& site);     // G13c
void in_twisteds_style(const tandem::testing::DemoServer& site);  // G15
