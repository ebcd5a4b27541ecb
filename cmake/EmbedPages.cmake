# Writes a source file that holds the files of a folder, for `cmake -P`: FOLDER in, OUTPUT out.
# SPDX-License-Identifier: Apache-2.0
file(GLOB files ${FOLDER}/*.mustache ${FOLDER}/*.css)
list(SORT files)
set(text "// Made by cmake/EmbedPages.cmake from exporter/pages.\n#include \"exporter/page_files.h\"\n\nnamespace mtasts {\n\n")
string(APPEND text "std::string_view page_file(std::string_view name) {\n")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME)
  file(READ ${file} content)
  string(APPEND text "  if (name == \"${name}\") return R\"page(${content})page\";\n")
endforeach()
string(APPEND text "  return {};\n}\n\n}  // namespace mtasts\n")
file(WRITE ${OUTPUT} "${text}")
