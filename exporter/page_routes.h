// The paths of the pages for people, with the headers that keep a browser from doing more than showing them.
// Next: fleet_page.h, domain_page.h, reports_page.h, runbooks_page.h and check_page.h, which make the pages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "exporter/routes.h"

namespace mtasts {

/// Registers `/`, `/domains/NAME`, `/domains/NAME/chain.pem`, `/reports`, `/runbooks`, `/check` and `/style.css`.
void add_page_routes(HttpServer& server, const std::shared_ptr<const RouteCallbacks>& callbacks);

}  // namespace mtasts
