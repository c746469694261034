/// The version of the tools: the newest one of CHANGELOG.md, or the next one with `-dev` while there are
/// unreleased changes.
package let toolVersion = "0.6.0-dev"
