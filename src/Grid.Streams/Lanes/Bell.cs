using Grid.Streams.Queues;
using Orleans.Providers.Streams.Common;
using Orleans.Streams;

namespace Grid.Streams.Lanes;

/// <summary>
/// What the pulling agent reads from a lane: the word that a stream has something to deliver. It never travels.
/// </summary>
internal sealed class Bell(StreamQueue stream) : IBatchContainer
{
    // Cursors start where the stream's acknowledgements ended, whatever the bell's token says.
    private static readonly EventSequenceTokenV2 AnyToken = new(0);

    /// <summary>The stream that rang.</summary>
    public StreamQueue Stream => stream;

    /// <inheritdoc/>
    public StreamId StreamId => stream.Id;

    /// <inheritdoc/>
    public StreamSequenceToken SequenceToken => AnyToken;

    /// <inheritdoc/>
    public IEnumerable<Tuple<T, StreamSequenceToken>> GetEvents<T>() => [];

    /// <inheritdoc/>
    public bool ImportRequestContext() => false;
}
