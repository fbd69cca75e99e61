using System.Text.Json.Serialization;
using Grid.Client.Contracts.Operator;

namespace Grid.Server.Web.Admin;

/// <summary>The JSON of the admin page's API.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Overview))]
[JsonSerializable(typeof(ShardStatus))]
[JsonSerializable(typeof(IReadOnlyList<SiloSamples>))]
[JsonSerializable(typeof(EventPage))]
[JsonSerializable(typeof(KeyspacePage))]
[JsonSerializable(typeof(MoveRequest))]
[JsonSerializable(typeof(DrainRequest))]
[JsonSerializable(typeof(LossRequest))]
[JsonSerializable(typeof(MoveProgress))]
[JsonSerializable(typeof(LossReport))]
[JsonSerializable(typeof(ActionAnswer))]
[JsonSerializable(typeof(ApiError))]
internal sealed partial class AdminJson : JsonSerializerContext;

/// <summary>Why there is no answer.</summary>
internal sealed record ApiError(string Error);

/// <summary>What an action came to; <see cref="Problem"/> is null when it was done.</summary>
internal sealed record ActionAnswer(string? Problem);

/// <summary>Bring a shard's primary a step nearer to a silo.</summary>
internal sealed record MoveRequest(int Shard, string Silo);

/// <summary>Have a silo hold nothing, or take that back.</summary>
internal sealed record DrainRequest(string Silo, bool Draining);

/// <summary>Go on with a shard after a loss.</summary>
internal sealed record LossRequest(int Shard);
