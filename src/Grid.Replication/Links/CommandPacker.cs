using Grid.Formats.Buffers;
using Grid.Formats.Lz4;
using Grid.Formats.Vcs;

namespace Grid.Replication.Links;

/// <summary>
/// Packs the mutations of one link into one VCS frame of kind 2 that lasts as long as the link: linked blocks, so that
/// what came before serves as the dictionary, and flushed with each item, so that the replica can read it at once.
/// </summary>
/// <remarks>
/// Small items travel plain between the packed ones: under <see cref="PackFrom"/> bytes a block saves less than it costs. While the
/// content proves incompressible the writer stores blocks untried, and tries again from time to time.
/// Not thread-safe.
/// </remarks>
internal sealed class CommandPacker(bool checksums) : IDisposable
{
    /// <summary>Bytes of mutations from which packing pays.</summary>
    public const int PackFrom = 512;

    private VcsFrameWriter? _writer;

    /// <summary>Bytes of mutations that went into the frame.</summary>
    public long RawBytes => _writer?.RawBytes ?? 0;

    /// <summary>Bytes of the frame so far.</summary>
    public long WireBytes => _writer?.WireBytes ?? 0;

    /// <summary>True while blocks are stored untried.</summary>
    public bool IsBackingOff => _writer?.IsBackingOff ?? false;

    /// <summary>Appends <paramref name="mutations"/> to the frame; what there is of it goes to the end of <paramref name="item"/>.</summary>
    public void Pack(ReadOnlySpan<byte> mutations, PooledBuffer item)
    {
        if (_writer is null)
            _writer = new VcsFrameWriter(item, VcsStreamKind.Commands, Lz4FrameSettings.For(VcsStreamKind.Commands, checksums));
        else
            _writer.Redirect(item);
        _writer.Write(mutations);
        _writer.Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => _writer?.Dispose();
}
