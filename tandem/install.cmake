# `cmake --install`: the library, its public headers, and what find_package(tandem) and pkg-config need to find it.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tandem)

# How whoever links a static libtandem finds what it stands on. CMake packages by name; pkg-config modules as the
# IMPORTED_TARGETs that this build made of them, under the same names.
set(private_packages Threads OpenSSL ZLIB boost_context)
set(private_modules CARES=libcares BROTLI=libbrotlidec ZSTD=libzstd IDN2=libidn2 FMT=fmt)
set(pc_requires openssl zlib)
if(TARGET PkgConfig::URING)
  list(APPEND private_modules URING=liburing)
endif()
foreach(external IN LISTS externals)
  string(REPLACE "PkgConfig::" "" module ${external})
  if(external MATCHES "^PkgConfig::" AND NOT ";${private_modules}" MATCHES ";${module}=")
    message(FATAL_ERROR "tandem/install.cmake: ${external} is linked, but private_modules does not name its module")
  endif()
endforeach()

get_target_property(library_type tandem TYPE)
if(library_type STREQUAL "SHARED_LIBRARY")
  set(TANDEM_IS_STATIC OFF)
else()
  set(TANDEM_IS_STATIC ON)
endif()

foreach(room IN LISTS TANDEM_LADDER)
  if(IS_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/${room} AND (NOT room STREQUAL "testing" OR TARGET tandem_testing))
    install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tandem
            FILES_MATCHING PATTERN "*.hpp" PATTERN "*_internal.hpp" EXCLUDE)
  endif()
endforeach()
install(FILES tandem.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tandem)

install(TARGETS tandem EXPORT tandemTargets)
install(EXPORT tandemTargets NAMESPACE tandem:: DESTINATION ${package_dir})
if(TARGET tandem_testing)
  install(TARGETS tandem_testing EXPORT tandemTestingTargets)
  install(EXPORT tandemTestingTargets NAMESPACE tandem:: DESTINATION ${package_dir})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/tandemConfig.cmake.in
                              ${CMAKE_CURRENT_BINARY_DIR}/tandemConfig.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may change what a program sees.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/tandemConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tandemConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/tandemConfigVersion.cmake
        DESTINATION ${package_dir})

# A static library's dependencies are for whoever links it, so that `pkg-config --libs tandem` is enough without
# --static; a shared one brings its own.
foreach(pair IN LISTS private_modules)
  string(REGEX REPLACE "^.*=" "" module ${pair})
  list(APPEND pc_requires ${module})
endforeach()
list(JOIN pc_requires ", " pc_requires)
if(TANDEM_IS_STATIC)
  set(pc_dependencies "Requires: ${pc_requires}\nLibs: -L\${libdir} -ltandem -pthread -lboost_context")
else()
  set(pc_dependencies "Requires.private: ${pc_requires}\nLibs: -L\${libdir} -ltandem")
endif()
# Relative, so that the installed copy can be moved, and `cmake --install --prefix` put it anywhere.
file(RELATIVE_PATH pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" pc_up "${pc_up}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/tandem.pc.in ${CMAKE_CURRENT_BINARY_DIR}/tandem.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tandem.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
