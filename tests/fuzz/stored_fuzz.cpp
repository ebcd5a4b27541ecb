// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "exporter/stored_json.h"
#include "exporter/stored_observation.h"
#include "tests/fuzz/expect.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr std::size_t kMostRow = std::size_t{256} * 1024;  // of what is kept of an observation

/// Reads a row; what was read and is written reads the same again.
template <class Parse, class Render>
void expect_same_again(std::string_view text, Parse parse, Render render) {
  try {
    const std::string row = render(parse(text));
    expect(row.find('\n') == std::string::npos);
    expect(render(parse(row)) == row);
  } catch (const StoredJsonError& error) {
    expect(*error.what() != '\0');
  }
}

}  // namespace

/// The input is a row of the store.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  expect_same_again(text, parse_domain_verdict_json, [](const DomainVerdict& row) { return render_json(row); });
  expect_same_again(text, parse_mx_verdict_json, [](const MxVerdict& row) { return render_json(row); });
  expect_same_again(text, parse_report_contents_json, [](const ReportContents& row) { return render_json(row); });
  expect_same_again(text, parse_domain_memory_json, [](const DomainMemory& row) {
    const std::string json = render_json(row);
    expect(render_json(unpack_domain_memory(pack(row))) == json);
    return json;
  });
  expect_same_again(text, parse_domain_observation, [](const DomainObservation& row) {
    const std::string json = render_observation(row);
    expect(json.size() <= kMostRow && fingerprint(row) == fingerprint(unpack_domain_observation(pack(row))));
    return json;
  });
  expect_same_again(text, parse_mx_host_observation, [](const MxHostObservation& row) {
    const std::string json = render_observation(row);
    expect(json.size() <= kMostRow);
    return json;
  });
  return 0;
}
