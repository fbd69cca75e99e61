namespace Grid.Client.Contracts.Operator;

/// <summary>How far the move of a shard's primary is.</summary>
/// <param name="Done">True when the primary is where it is to be.</param>
/// <param name="Problem">Why it cannot go on; null when it can.</param>
/// <param name="Phase">What is going on, in words.</param>
[GenerateSerializer, Immutable, Alias("Grid.MoveProgress")]
public sealed record MoveProgress([property: Id(0)] bool Done, [property: Id(1)] string? Problem, [property: Id(2)] string Phase);

/// <summary>What going on with a shard means of which no in-sync copy can be had.</summary>
[GenerateSerializer, Immutable, Alias("Grid.LossReport")]
public sealed record LossReport
{
    /// <summary>The shard.</summary>
    [Id(0)] public required int Shard { get; init; }

    /// <summary>Why the loss cannot be accepted now; null when it can.</summary>
    [Id(1)] public string? Obstacle { get; init; }

    /// <summary>Silos of the last in-sync set, none of which has its copy any more.</summary>
    [Id(2)] public IReadOnlyList<string> LostSilos { get; init; } = [];

    /// <summary>The silo of the copy that it goes on with.</summary>
    [Id(3)] public string Silo { get; init; } = "";

    /// <summary>True when no copy has survived, and the shard begins anew without any entry.</summary>
    [Id(4)] public bool Empty { get; init; }

    /// <summary>Epoch of the newest mutation of the copy.</summary>
    [Id(5)] public long Epoch { get; init; }

    /// <summary>Its newest mutation: what came behind is lost.</summary>
    [Id(6)] public long Offset { get; init; }

    /// <summary>Entries of the copy.</summary>
    [Id(7)] public long Entries { get; init; }

    /// <summary>Epoch of the last reign that the record knows of.</summary>
    [Id(8)] public long RecordedEpoch { get; init; }

    /// <summary>The copy's newest mutations that are not among its entries yet: they are taken over with it.</summary>
    [Id(9)] public long Unapplied { get; init; }
}
