internal import COnnx

extension MessageReader {
  func deviceConfiguration(_ range: Range<Int>) throws(FormatError) -> DeviceConfiguration {
    try read(Onnx__DeviceConfigurationProto.self, range) { message in
      var configuration = DeviceConfiguration()
      configuration.name = message.name.string
      configuration.deviceCount = message.has_num_devices != 0 ? message.num_devices : nil
      configuration.devices = strings(message.device, message.n_device)
      return configuration
    }
  }
}

extension NodeDeviceConfiguration {
  init(_ message: Onnx__NodeDeviceConfigurationProto) {
    self.init()
    configurationID = message.configuration_id.string
    shardings = messages(message.sharding_spec, message.n_sharding_spec).map(Sharding.init)
    pipelineStage = message.has_pipeline_stage != 0 ? message.pipeline_stage : nil
  }
}

extension NodeDeviceConfiguration.Sharding {
  init(_ message: Onnx__ShardingSpecProto) {
    self.init()
    tensorName = message.tensor_name.string
    devices = Array(list(message.device, message.n_device))
    deviceGroups = messages(
      message.index_to_device_group_map, message.n_index_to_device_group_map
    ).map { entry in
      var group = NodeDeviceConfiguration.DeviceGroup()
      group.key = entry.has_key != 0 ? entry.key : nil
      group.devices = Array(list(entry.value, entry.n_value))
      return group
    }
    dimensions = messages(message.sharded_dim, message.n_sharded_dim).map { entry in
      var dimension = NodeDeviceConfiguration.ShardedDimension()
      dimension.axis = entry.has_axis != 0 ? entry.axis : nil
      dimension.shards = messages(entry.simple_sharding, entry.n_simple_sharding).map(
        NodeDeviceConfiguration.Shard.init)
      return dimension
    }
  }
}

extension NodeDeviceConfiguration.Shard {
  init(_ message: Onnx__SimpleShardedDimProto) {
    self.init()
    count = message.has_num_shards != 0 ? message.num_shards : nil
    switch message.dim_case {
    case ONNX__SIMPLE_SHARDED_DIM_PROTO__DIM_DIM_VALUE:
      dimension = .size(Int(message.dim_value))
    case ONNX__SIMPLE_SHARDED_DIM_PROTO__DIM_DIM_PARAM:
      dimension = .symbol(message.dim_param.string ?? "")
    default: dimension = .unknown
    }
  }
}
