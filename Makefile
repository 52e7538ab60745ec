# tandem: `make run` shows what it does, `make test` that it does it. `make help` lists the rest.
# What is missing is installed from Debian's packages (tools/packages.txt), as root or by sudo.

PREFIX ?= /usr/local
BENCH_ARGUMENTS ?=
RELEASE := build/release

.PHONY: run test bench install format lint nightly release-check clean help
.DEFAULT_GOAL := help
.SILENT:

run:
	tools/install_packages build
	tools/build release tandem_command example_first_light
	$(RELEASE)/examples/first_light

test:
	tools/install_packages build test
	tools/run_suite clang clang-epoll gcc gcc-epoll

bench:
	tools/install_packages build bench
	tools/build clang bench_programs
	bench/run.py --build-dir build/clang $(BENCH_ARGUMENTS)

install:
	tools/install_packages build
	tools/build release
	cmake --install $(RELEASE) --prefix "$(PREFIX)" > $(RELEASE)/install.log || { cat $(RELEASE)/install.log; exit 1; }
	echo "Installed in $(PREFIX)"

format:
	tools/install_packages check
	tools/check_format --fix

lint:
	tools/install_packages build test check lint
	tools/build clang
	run-clang-tidy-19 -quiet -p build/clang "^$(CURDIR)/(tandem|cli|examples)/"

nightly:
	tools/install_packages build test check
	tools/nightly

release-check:
	.ci/run
	tests/zoo/run_all -j "$$(nproc)"
	tools/nightly

clean:
	rm -rf build

help:
	echo "make run             build, then fetch a site of 1,000 pages one by one and all at once"
	echo "make test            build and run every test: clang and g++, io_uring and epoll"
	echo "make bench           ask tandem and its peers the same questions (BENCH_ARGUMENTS='--only timer --runs 3')"
	echo "make install         install the library and the command (PREFIX=/usr/local, DESTDIR=)"
	echo "make format          lay the sources out as .clang-format says"
	echo "make lint            clang-tidy over the library, the command and the examples"
	echo "make nightly         every test many times over, with and without sanitizers; takes hours (REPEAT=20)"
	echo "make release-check   what a release is held to: .ci/run, the zoo in all modes, make nightly"
	echo "make clean           remove build/"
	echo
	echo "JOBS=N               compilers and tests at once, else one for each core"
	echo "TANDEM_BACKEND=epoll make run    the same without io_uring"
