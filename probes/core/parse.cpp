// SPDX-License-Identifier: Apache-2.0
#include "probes/core/parse.h"

#include <boost/throw_exception.hpp>
#include <stdexcept>

namespace mtasts {

void throw_exception_from_error(const ParseError& error, const boost::source_location& where) {
  boost::throw_exception(std::invalid_argument(std::string(error.code) + ": " + error.detail), where);
}

}  // namespace mtasts
