namespace Grid.Client.Contracts.Operator;

/// <summary>What a silo says of its process, its machine and its settings, for whoever looks what may go wrong.</summary>
[GenerateSerializer, Immutable, Alias("Grid.SiloExamination")]
public sealed record SiloExamination
{
    /// <summary>The silo's address with its generation.</summary>
    [Id(0)] public required string Silo { get; init; }

    /// <summary>Why there is no answer; null when there is one.</summary>
    [Id(1)] public string? Problem { get; init; }

    /// <summary>The build that it runs.</summary>
    [Id(2)] public string Version { get; init; } = "";

    /// <summary>The runtime that it runs on.</summary>
    [Id(3)] public string Runtime { get; init; } = "";

    /// <summary>Its wall clock when it answered, in milliseconds since 1970.</summary>
    [Id(4)] public long NowUnixMs { get; init; }

    /// <summary>How far its clock is ahead of the clock of the silo that asked, in milliseconds; good to <see cref="ClockUncertaintyMs"/>.</summary>
    [Id(5)] public double ClockAheadMs { get; init; }

    /// <summary>Half of the time that the question took, in milliseconds.</summary>
    [Id(6)] public double ClockUncertaintyMs { get; init; }

    /// <summary>Memory that the process may have, in bytes: the limit of its control group, otherwise the machine's; 0 where that is not known.</summary>
    [Id(7)] public long MemoryLimitBytes { get; init; }

    /// <summary>Memory that the garbage collector may have of it, in bytes.</summary>
    [Id(8)] public long HeapLimitBytes { get; init; }

    /// <summary>Resident memory of the process, in bytes.</summary>
    [Id(9)] public long ResidentBytes { get; init; }

    /// <summary>True when the garbage collector is the one for servers.</summary>
    [Id(10)] public bool ServerGc { get; init; }

    /// <summary>Bytes of data of all copies.</summary>
    [Id(11)] public long DataBytes { get; init; }

    /// <summary>Bytes of log of all copies.</summary>
    [Id(12)] public long LogBytes { get; init; }

    /// <summary>Copies that it holds.</summary>
    [Id(13)] public int Copies { get; init; }

    /// <summary>File descriptors in use; 0 where that is not known.</summary>
    [Id(14)] public long DescriptorsOpen { get; init; }

    /// <summary>File descriptors that the process may have; 0 where that is not known.</summary>
    [Id(15)] public long DescriptorsMax { get; init; }

    /// <summary>How long whatever runs the silo waits from SIGTERM until it kills it, in seconds; 0 where that is not known.</summary>
    [Id(16)] public int StopGraceSeconds { get; init; }

    /// <summary>The silo's settings of section Grid, as text.</summary>
    [Id(17)] public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}
