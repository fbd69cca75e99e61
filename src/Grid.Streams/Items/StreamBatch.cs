using Orleans.Providers.Streams.Common;
using Orleans.Streams;

namespace Grid.Streams.Items;

/// <summary>
/// The items of one delivery. On the producer's silo it holds what the items need to stay alive until
/// <see cref="End"/>; on the consumer's silo it is a plain list.
/// </summary>
[GenerateSerializer]
[Alias("Grid.StreamBatch")]
internal abstract class StreamBatch(StreamId streamId, long sequence) : IBatchContainer
{
    [NonSerialized]
    private EventSequenceTokenV2? _token;

    /// <summary>Number of the first item in its stream, from 0.</summary>
    [Id(0)]
    public long Sequence { get; } = sequence;

    /// <inheritdoc/>
    /// <remarks>Known on the producer's silo only: the consumer is told by the call that brings the batch.</remarks>
    [field: NonSerialized]
    public StreamId StreamId { get; } = streamId;

    /// <inheritdoc/>
    public StreamSequenceToken SequenceToken => _token ??= new EventSequenceTokenV2(Sequence);

    /// <inheritdoc/>
    public abstract IEnumerable<Tuple<TEvent, StreamSequenceToken>> GetEvents<TEvent>();

    /// <inheritdoc/>
    public bool ImportRequestContext() => false;

    /// <summary>
    /// The delivery is over: every attempt has come back, the last one well if <paramref name="acknowledged"/>. Once only.
    /// </summary>
    public abstract void End(bool acknowledged);

    /// <summary>
    /// The items are not to be delivered any more, though an attempt may be under way: one that has not yet read them
    /// finds none. <see cref="End"/> still follows.
    /// </summary>
    public abstract void Withdraw();

    /// <summary>One event in the form that Orleans asks for.</summary>
    protected Tuple<TEvent, StreamSequenceToken> EventOf<TEvent, TItem>(TItem item) =>
        Tuple.Create(item is TEvent e ? e : throw WrongType(typeof(TEvent), typeof(TItem)), SequenceToken);

    private InvalidCastException WrongType(Type asked, Type carried) =>
        new($"Stream {StreamId} carries {carried}, its consumer asks for {asked}.");
}
