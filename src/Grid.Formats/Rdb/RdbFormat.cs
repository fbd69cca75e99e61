namespace Grid.Formats.Rdb;

/// <summary>The constants of the RDB format, after the file-format documents of Redis and Valkey.</summary>
internal static class RdbFormat
{
    /// <summary>Magic and four digits of version, or magic of Valkey 9 and three digits: nine bytes either way.</summary>
    public const int HeaderBytes = 9;

    /// <summary>The version that we write: read by Redis 7.0 and all later Redis and Valkey servers.</summary>
    public const int WrittenVersion = 10;

    /// <summary>The first version that ends with a checksum.</summary>
    public const int FirstChecksumVersion = 5;

    /// <summary>The newest version of Redis that is known here: 8.6. (Of what it added, streams and metadata of modules are not.)</summary>
    public const int NewestRedisVersion = 13;

    /// <summary>The versions of Valkey that are known here: 9.0 and 9.2. Older ones write Redis' version 11.</summary>
    public const int OldestValkeyVersion = 80, NewestValkeyVersion = 81;

    /// <summary>The length of the checksum that follows the end.</summary>
    public const int ChecksumBytes = 8;

    public const byte SlotInfo = 244, Function2 = 245, FunctionPreRelease = 246, ModuleAux = 247;
    public const byte Idle = 248, Frequency = 249, Aux = 250, ResizeDb = 251;
    public const byte ExpiryMs = 252, ExpirySeconds = 253, SelectDb = 254, End = 255;
    public const byte StringType = 0, Module2Type = 7;

    /// <summary>Length encodings: the two highest bits, or the whole byte.</summary>
    public const byte Length14 = 0x40, Length32 = 0x80, Length64 = 0x81, Encoded = 0xC0;

    /// <summary>String encodings, the six lowest bits of an encoded length.</summary>
    public const byte Int8 = 0, Int16 = 1, Int32 = 2, Lzf = 3;
}
