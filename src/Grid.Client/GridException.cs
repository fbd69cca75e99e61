namespace Grid.Client;

/// <summary>An operation on the grid did not do what was asked. The subtypes say what is known of its effect.</summary>
[GenerateSerializer]
[Alias("Grid.GridException")]
public class GridException : Exception
{
    /// <summary>Makes one.</summary>
    /// <param name="message">What happened, where, and what to do.</param>
    /// <param name="innerException">What caused it, if known.</param>
    public GridException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>The shard that is concerned, or null if none is known.</summary>
    [Id(0)]
    public int? Shard { get; init; }

    /// <summary>The keyspace that is concerned, or null if none is.</summary>
    [Id(1)]
    public string? Keyspace { get; init; }
}

/// <summary>The deadline passed. The operation was not applied, or it was a read; it may be repeated.</summary>
[GenerateSerializer]
[Alias("Grid.GridTimeoutException")]
public sealed class GridTimeoutException(string message, Exception? innerException = null) : GridException(message, innerException);

/// <summary>
/// A write was sent and nothing tells whether it took effect. The client repeats what was not answered until the deadline, and the shard does nothing
/// twice; so this is left where the deadline has passed, or where the shard remembers too little of this client (it serves thousands, or the client had
/// tens of thousands of writes to the shard under way). Read the entry before repeating it, or repeat it if doing it twice does no harm.
/// </summary>
[GenerateSerializer]
[Alias("Grid.GridIndeterminateException")]
public sealed class GridIndeterminateException(string message, Exception? innerException = null) : GridException(message, innerException);

/// <summary>Too few replicas are in sync to take a replicated write (<c>MinInSync</c>). It was not applied.</summary>
[GenerateSerializer]
[Alias("Grid.GridNotEnoughReplicasException")]
public sealed class GridNotEnoughReplicasException(string message, Exception? innerException = null) : GridException(message, innerException);

/// <summary>The shard had no primary that could serve until the deadline. The operation was not applied.</summary>
[GenerateSerializer]
[Alias("Grid.GridUnavailableException")]
public sealed class GridUnavailableException(string message, Exception? innerException = null) : GridException(message, innerException);

/// <summary>The shard, or this client, holds as much unfinished work as it may. The operation was not applied; try it later.</summary>
[GenerateSerializer]
[Alias("Grid.GridOverloadedException")]
public sealed class GridOverloadedException(string message, Exception? innerException = null) : GridException(message, innerException);

/// <summary>An increment met a value that is no counter, or would leave the range of 64 bits. It was not applied.</summary>
[GenerateSerializer]
[Alias("Grid.GridCounterException")]
public sealed class GridCounterException(string message, Exception? innerException = null) : GridException(message, innerException);

/// <summary>A key or value could not be written, or read as the type that was asked for.</summary>
[GenerateSerializer]
[Alias("Grid.GridSerializationException")]
public sealed class GridSerializationException(string message, Exception? innerException = null) : GridException(message, innerException);

/// <summary>
/// Of a call that concerns many keys, or all shards, some parts failed; the others took effect. <see cref="Failures"/>
/// says which, and each one's own exception what is known of its effect.
/// </summary>
[GenerateSerializer]
[Alias("Grid.GridManyException")]
public sealed class GridManyException : GridException
{
    /// <summary>Makes one.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="failures">The parts that failed, at least one.</param>
    public GridManyException(string message, IReadOnlyList<GridFailure> failures)
        : base(message, failures[0].Error)
    {
        Failures = failures;
    }

    /// <summary>For a call with <paramref name="count"/> parts on a keyspace, of which some failed.</summary>
    internal static GridManyException Of(string keyspace, int count, IReadOnlyList<GridFailure> failures) => new(
        $"{failures.Count} of {count} parts of a call on keyspace '{keyspace}' failed, the others took effect. " +
        $"The first: {failures[0].Error.Message} See {nameof(Failures)} for each one.",
        failures)
    {
        Keyspace = keyspace,
    };

    /// <summary>The parts that failed, by index.</summary>
    [Id(0)]
    public IReadOnlyList<GridFailure> Failures { get; }
}

/// <summary>The failure of one part of a call.</summary>
/// <param name="Index">Index of the key in the call; for a call on all shards, the shard.</param>
/// <param name="Error">What is known of it.</param>
[GenerateSerializer]
[Alias("Grid.GridFailure")]
public sealed record GridFailure([property: Id(0)] int Index, [property: Id(1)] Exception Error);
