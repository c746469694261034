internal import COnnx

extension MessageWriter {
  func fill(
    _ message: inout Onnx__NodeDeviceConfigurationProto, _ configuration: NodeDeviceConfiguration
  ) throws(FormatError) {
    message.configuration_id = try string(configuration.configurationID)
    message.has_pipeline_stage = configuration.pipelineStage == nil ? 0 : 1
    message.pipeline_stage = configuration.pipelineStage ?? 0
    message.n_sharding_spec = configuration.shardings.count
    message.sharding_spec = try messages(
      configuration.shardings, Onnx__ShardingSpecProto.self
    ) { (message, sharding) throws(FormatError) in try fill(&message, sharding) }
  }

  private func fill(
    _ message: inout Onnx__ShardingSpecProto, _ sharding: NodeDeviceConfiguration.Sharding
  ) throws(FormatError) {
    message.tensor_name = try string(sharding.tensorName)
    message.n_device = sharding.devices.count
    message.device = try array(sharding.devices)
    message.n_index_to_device_group_map = sharding.deviceGroups.count
    message.index_to_device_group_map = try messages(
      sharding.deviceGroups, Onnx__IntIntListEntryProto.self
    ) { (message, group) throws(FormatError) in
      message.has_key = group.key == nil ? 0 : 1
      message.key = group.key ?? 0
      message.n_value = group.devices.count
      message.value = try array(group.devices)
    }
    message.n_sharded_dim = sharding.dimensions.count
    message.sharded_dim = try messages(sharding.dimensions, Onnx__ShardedDimProto.self) {
      (message, dimension) throws(FormatError) in
      message.has_axis = dimension.axis == nil ? 0 : 1
      message.axis = dimension.axis ?? 0
      message.n_simple_sharding = dimension.shards.count
      message.simple_sharding = try messages(
        dimension.shards, Onnx__SimpleShardedDimProto.self
      ) { (message, shard) throws(FormatError) in try fill(&message, shard) }
    }
  }

  private func fill(
    _ message: inout Onnx__SimpleShardedDimProto, _ shard: NodeDeviceConfiguration.Shard
  ) throws(FormatError) {
    message.has_num_shards = shard.count == nil ? 0 : 1
    message.num_shards = shard.count ?? 0
    switch shard.dimension {
    case .unknown: break
    case .size(let size):
      message.dim_case = ONNX__SIMPLE_SHARDED_DIM_PROTO__DIM_DIM_VALUE
      message.dim_value = Int64(size)
    case .symbol(let name):
      message.dim_case = ONNX__SIMPLE_SHARDED_DIM_PROTO__DIM_DIM_PARAM
      message.dim_param = try string(name)
    }
  }
}
