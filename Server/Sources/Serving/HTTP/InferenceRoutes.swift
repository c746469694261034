import Hummingbird

extension InferenceServer {
  /// Adds the routes below `/v2`.
  func addInferenceRoutes(to router: Router<ServeContext>) {
    let v2 = router.group("v2")
    v2.get("health/live") { _, _ in Response(status: .ok, json: ["live": true]) }
  }
}
