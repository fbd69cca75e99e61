namespace Grid.Streams;

/// <summary>
/// The bounds of a grid stream provider. Every bound holds per silo and, where its name says so, per stream; they are
/// checked when the silo starts.
/// </summary>
public sealed class GridStreamOptions
{
    /// <summary>
    /// Bytes that a stream may hold unacknowledged before the task of <c>OnNextAsync</c> is held back, from 1 KiB.
    /// Items count with their size and <see cref="ItemOverheadBytes"/>. Default 8 MiB.
    /// </summary>
    public long BytesPerStreamMax { get; set; } = 8L << 20;

    /// <summary>
    /// Unacknowledged bytes at which further items are refused (<see cref="GridStreamFailureReason.Full"/>): reached only
    /// by producers that do not await <c>OnNextAsync</c>. At least <see cref="BytesPerStreamMax"/>. Default 64 MiB.
    /// </summary>
    public long BytesPerStreamHardMax { get; set; } = 64L << 20;

    /// <summary>
    /// Bytes merged into one delivery, from 1 KiB; one item larger than this travels alone. Default 1 MiB and 64 KiB, so
    /// that an item of 1 MiB does not cost its companions a delivery of their own.
    /// </summary>
    public int BytesPerDeliveryMax { get; set; } = (1 << 20) + (64 << 10);

    /// <summary>Items merged into one delivery, from 1. Default 1,024.</summary>
    public int ItemsPerDeliveryMax { get; set; } = 1024;

    /// <summary>
    /// The largest item in bytes: larger ones are refused with <see cref="ArgumentException"/>. From 1 KiB to 99 MiB,
    /// because Orleans refuses messages over 100 MiB by default. Default 80 MiB.
    /// </summary>
    public int BytesPerItemMax { get; set; } = 80 << 20;

    /// <summary>
    /// How long failed attempts at one delivery are repeated, counted from the first attempt, before the stream fails with
    /// <see cref="GridStreamFailureReason.DeliveryFailed"/>. From 10 ms. Default 2 s.
    /// </summary>
    public TimeSpan RetryTimeMax { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The pause after the first failed attempt, doubled with each further one; from 1 ms. Default 10 ms.</summary>
    public TimeSpan RetryPauseMin { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest pause between attempts, at least <see cref="RetryPauseMin"/>. Default 200 ms.</summary>
    public TimeSpan RetryPauseMax { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// How long a stream that holds items may go without one acknowledged delivery before it fails with
    /// <see cref="GridStreamFailureReason.DeliveryTimeout"/>; a consumer that pushes back for longer must expect that. From
    /// 50 ms. Default 10 s. A producer with a shorter patience of its own calls <see cref="IGridStreamControl.Abandon"/>. May be changed while the
    /// silo runs; it is looked at four times a second.
    /// </summary>
    public TimeSpan DeliveryTimeMax { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long an empty stream's state is kept after its last use, from 50 ms. Default 1 minute. Using the stream
    /// again costs one call to the consumer before its first item.
    /// </summary>
    public TimeSpan IdleTimeMax { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Streams that this silo may produce at the same time, from 1 to 65,536; further ones are refused with
    /// <see cref="GridStreamFailureReason.TooManyStreams"/>. Default 4,096.
    /// </summary>
    public int StreamsMax { get; set; } = 4096;

    /// <summary>What an item counts beside its bytes, for the queue's own memory. 64 bytes.</summary>
    public const int ItemOverheadBytes = 64;

    /// <summary>What is wrong with these options, or null.</summary>
    internal string? FirstError()
    {
        const int leastBytes = 1 << 10;
        TimeSpan leastWait = TimeSpan.FromMilliseconds(50);
        return this switch
        {
            { BytesPerStreamMax: < leastBytes } => $"{nameof(BytesPerStreamMax)} must be at least {leastBytes} bytes.",
            _ when BytesPerStreamHardMax < BytesPerStreamMax =>
                $"{nameof(BytesPerStreamHardMax)} must be at least {nameof(BytesPerStreamMax)}.",
            { BytesPerDeliveryMax: < leastBytes } => $"{nameof(BytesPerDeliveryMax)} must be at least {leastBytes} bytes.",
            { ItemsPerDeliveryMax: < 1 } => $"{nameof(ItemsPerDeliveryMax)} must be at least 1.",
            { BytesPerItemMax: < leastBytes or > 99 << 20 } =>
                $"{nameof(BytesPerItemMax)} must be from {leastBytes} bytes to 99 MiB.",
            _ when RetryTimeMax < TimeSpan.FromMilliseconds(10) => $"{nameof(RetryTimeMax)} must be at least 10 ms.",
            _ when RetryPauseMin < TimeSpan.FromMilliseconds(1) => $"{nameof(RetryPauseMin)} must be at least 1 ms.",
            _ when RetryPauseMax < RetryPauseMin => $"{nameof(RetryPauseMax)} must be at least {nameof(RetryPauseMin)}.",
            _ when DeliveryTimeMax < leastWait => $"{nameof(DeliveryTimeMax)} must be at least 50 ms.",
            _ when IdleTimeMax < leastWait => $"{nameof(IdleTimeMax)} must be at least 50 ms.",
            { StreamsMax: < 1 or > 65536 } => $"{nameof(StreamsMax)} must be from 1 to 65,536.",
            _ => null,
        };
    }
}
